"""Archives of arrays, as `golden.inputs.read.read_arrays` reads them."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


def arrays_archive(arrays: Mapping[str, npt.ArrayLike], *, compressed: bool = False) -> bytes:
    """Return ``arrays`` as an ``.npz`` file, the same for every NumPy."""
    buffer = io.BytesIO()
    # Not `allow_pickle=False`: before 2.1, NumPy takes that for one more array. Any, because mypy
    # would hold the values against it.
    values: dict[str, Any] = dict(arrays)
    (np.savez_compressed if compressed else np.savez)(buffer, **values)
    return buffer.getvalue()
