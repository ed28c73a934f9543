"""onnxruntime as anyone has it, but for what a processor's kernels get wrong."""

from pathlib import Path

import onnxruntime

_CPUINFO = Path("/proc/cpuinfo")


def plain_options() -> onnxruntime.SessionOptions:
    """Return options as they are by default.

    Processors without VNNI add pairs of products in 16 bits, which saturate: there, and only there,
    onnxruntime is told to leave those kernels out.
    """
    options = onnxruntime.SessionOptions()
    known = _CPUINFO.read_text(encoding="utf-8") if _CPUINFO.exists() else "vnni"
    if "vnni" not in known:
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options
