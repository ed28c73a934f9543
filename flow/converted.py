"""Networks that `hw.convert --whole` converts once, and that are read from then on."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from golden.inputs.write import arrays_archive
from golden.network.files import CONFIG, read_network
from golden.network.network import Network
from hw import convert

ROOT = Path(__file__).resolve().parents[1]
Images = npt.NDArray[np.float32]
IMAGES = "images.npz"


def converted(out: Path, model: str, shown: Images, options: Sequence[str] = ()) -> Network:
    """Return a network in integers, converted to ``out`` unless it was before.

    Parameters
    ----------
    out
        Folder of its files; the images come there too.
    model
        What `hw.convert` reads.
    shown
        Images ``[n, channels, height, width]``, which say the size and choose formats.
    options
        Of `hw.convert` beside.

    Raises
    ------
    RuntimeError
        With what `hw.convert` said, where it does not.
    """
    if not (out / CONFIG).exists():
        out.mkdir(parents=True, exist_ok=True)
        (out / IMAGES).write_bytes(arrays_archive({"x": shown}))
        height, width = shown.shape[2:]
        given = [f"--input-size={height}x{width}", f"--calibration={out / IMAGES}"]
        # By its own name, which is another one in the wheel.
        command = [sys.executable, "-m", convert.__name__, model, "--whole", *given, f"--out={out}"]
        command += options
        done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
    return read_network(out / CONFIG)
