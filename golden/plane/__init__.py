"""Two-dimensional engines."""
