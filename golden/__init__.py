"""Formats, float64 definitions and bit-exact models: what the hardware is held to."""
