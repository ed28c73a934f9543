"""From a design to its files: Verilog, manifest and instantiation template."""

import io
import json
import os
import shutil
import tempfile
from errno import EISDIR
from pathlib import Path

import numpy as np

from golden.design import LineDesign
from golden.errors import ParameterError
from golden.weights import LineWeights
from hw.axi import AxiWrapper, PortNames
from hw.line import LineEngine
from hw.manifest import describe
from hw.models import models_for
from hw.template import instantiation
from hw.verilog import to_verilog


def generate(design: LineDesign, names: PortNames, *, example: bool = False) -> dict[str, bytes]:
    """Return the files of ``design`` by name.

    Parameters
    ----------
    design
        What to build.
    names
        Of clock and reset.
    example
        Whether the weights were made up; they are then among the files, as ``NAME.npz``.
    """
    engine = LineEngine(design)
    wrapper = AxiWrapper(engine, names)
    verilog = to_verilog(wrapper, design.name, wrapper.ports)
    models = models_for(verilog)
    simulated = {f"{design.name}.v": verilog} | models
    manifest = describe(design, engine, names, simulated, models=list(models))
    files = {name: text.encode() for name, text in simulated.items()}
    files[f"{design.name}.veo"] = instantiation(design, wrapper, manifest).encode()
    if example and design.weights is not None:
        files[f"{design.name}.npz"] = weights_archive(design.weights)
    files[f"{design.name}.json"] = (json.dumps(manifest, indent=2) + "\n").encode()
    return files


def weights_archive(weights: LineWeights) -> bytes:
    """Return ``weights`` as the ``.npz`` that ``--weights`` takes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **weights.arrays())
    return buffer.getvalue()


def write_files(files: dict[str, bytes], out: Path) -> None:
    """Write all of ``files`` into ``out``, or none of them.

    Raises
    ------
    ParameterError
        Where ``out`` cannot be made or written.
    """
    try:
        made = [p for p in (out, *out.parents) if not p.exists()]
        out.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryDirectory(dir=out) as folder:
                for name, content in files.items():
                    (Path(folder) / name).write_bytes(content)
                if in_the_way := [name for name in files if (out / name).is_dir()]:
                    raise IsADirectoryError(EISDIR, f"{in_the_way[0]} is a folder")
                for name in files:
                    os.replace(Path(folder) / name, out / name)
        except OSError:
            if made:
                shutil.rmtree(made[-1], ignore_errors=True)
            raise
    except OSError as reason:
        rule = "a folder that can be written"
        raise ParameterError("out", rule, f"{out} ({reason.strerror})") from None
