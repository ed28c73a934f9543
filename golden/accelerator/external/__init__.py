"""The accelerator with all in external memory: its format of programs, and what those do."""
