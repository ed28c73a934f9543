"""What a LiteX SoC imports of a build."""

from hw.package.core import FinishedCore


def litex_files(core: FinishedCore) -> dict[str, str]:
    """Return NAME_litex.py, which names the class to import and the manifest to give it."""
    return {f"{core.name}_litex.py": _TEXT.format(name=core.name, about=core.about)}


_TEXT = '''"""{about}: {name} in a LiteX SoC, by the class of `parc_litex` that is for it."""

from pathlib import Path

MANIFEST = Path(__file__).with_name("{name}.json")


def add_{name}(soc, **options):
    """Add the build to ``soc``, as ``parc_litex.add`` does it, and return the module."""
    try:
        from parc_litex import add
    except ModuleNotFoundError:  # where it is installed, all is under one name
        from parc_hdl.parc_litex import add

    return add(soc, MANIFEST, **options)
'''
