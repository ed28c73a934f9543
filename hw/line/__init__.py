"""What is around every line engine's core."""
