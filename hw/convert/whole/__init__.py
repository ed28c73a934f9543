"""Whole networks in integers, and the same integers in onnxruntime."""
