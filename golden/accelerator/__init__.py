"""The accelerator in integers: its sizes, its program, and what that does, bit for bit."""
