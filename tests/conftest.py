"""Networks' tests need the extra `torch`; without it they are skipped, and say so."""

import importlib.util
from pathlib import Path

import pytest

NEED_TORCH = [
    Path(__file__).parent / name
    for name in (
        "convert",
        "nets",
        "accelerator/test_blocks.py",
        "accelerator/test_published.py",
        "sim/campaign/test_fuzz.py",
    )
]
MISSING = [
    name for name in ("torch", "onnx", "onnxscript") if importlib.util.find_spec(name) is None
]


class LeftOut(pytest.Module):
    """A module whose imports are missing."""

    def collect(self):
        pytest.skip(f"{', '.join(MISSING)} of the extra 'torch' not installed")


def needs_torch(path):
    """Whether a module is one of those, or inside."""
    return any(path.is_relative_to(one) for one in NEED_TORCH)


@pytest.hookimpl
def pytest_pycollect_makemodule(module_path, parent):
    if MISSING and needs_torch(module_path):
        return LeftOut.from_parent(parent, path=module_path)
    return None


@pytest.fixture(autouse=True)
def _one_thread(request):
    """Give torch one thread: networks here are small, and tests run side by side."""
    if needs_torch(request.path):
        import torch

        torch.set_num_threads(1)
