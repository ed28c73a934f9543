"""The converter needs the extra `torch`; one thread does for small networks."""

import pytest

torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")
pytest.importorskip("onnx", reason="the extra 'torch' is not installed")
pytest.importorskip("onnxscript", reason="the extra 'torch' is not installed")


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)
