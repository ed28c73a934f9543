"""Networks' tests need the extra `torch`; without it they are skipped, and say so."""

import importlib.util
from pathlib import Path

import pytest

NEED_TORCH = [Path(__file__).with_name(name) for name in ("convert", "nets")]
MISSING = [
    name for name in ("torch", "onnx", "onnxscript") if importlib.util.find_spec(name) is None
]


class LeftOut(pytest.Module):
    """A module whose imports are missing."""

    def collect(self):
        pytest.skip(f"{', '.join(MISSING)} of the extra 'torch' not installed")


@pytest.hookimpl
def pytest_pycollect_makemodule(module_path, parent):
    if MISSING and module_path.parent in NEED_TORCH:
        return LeftOut.from_parent(parent, path=module_path)
    return None


@pytest.fixture(autouse=True)
def _one_thread(request):
    """Give torch one thread: networks here are small, and tests run side by side."""
    if request.path.parent in NEED_TORCH:
        import torch

        torch.set_num_threads(1)
