"""A SiliconCompiler target: NAME_asic.py."""

from hw.package.constraints import constraint_files
from hw.package.core import FinishedCore


def silicon_files(core: FinishedCore) -> dict[str, str]:
    """Return NAME_asic.py and the constraints that it names."""
    sdc = f"{core.name}.sdc"
    files = "".join(f'        design.add_file("{name}")\n' for name in core.sources)
    text = _TEXT.format(name=core.name, about=core.about, files=files, sdc=sdc)
    return {f"{core.name}_asic.py": text, sdc: constraint_files(core)[sdc]}


_TEXT = '''"""{about}: {name} as a chip, by SiliconCompiler.

    python {name}_asic.py lint         needs nothing but its wheel
    python {name}_asic.py elaborate    the first step to a layout, with its wheel alone
    python {name}_asic.py              to a layout in FreePDK45; needs Yosys, OpenROAD, the cells
"""

import sys
from pathlib import Path

from siliconcompiler import ASIC, Design, Lint
from siliconcompiler.flows.lintflow import LintFlow
from siliconcompiler.targets import freepdk45_demo


def described():
    """Return the design and its constraints."""
    design = Design("{name}")
    design.set_dataroot("here", str(Path(__file__).parent.resolve()))
    with design.active_dataroot("here"), design.active_fileset("rtl"):
        design.set_topmodule("{name}")
{files}    with design.active_dataroot("here"), design.active_fileset("sdc"):
        design.add_file("{sdc}")
    return design


def run(step):
    """Lint the design, or bring it to a layout, or as far as ``step``."""
    project = Lint(described()) if step == "lint" else ASIC(described())
    project.add_fileset("rtl")
    if step == "lint":
        project.set_flow(LintFlow())
    else:
        project.add_fileset("sdc")
        freepdk45_demo(project)
    if step == "elaborate":
        project.option.add_to(step)
    project.run()
    project.summary()


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["lint"], ["elaborate"]):
        sys.exit(__doc__)
    run("".join(sys.argv[1:]))
'''
