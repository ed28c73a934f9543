"""The accelerator with all in external memory: ports, transfers, registers, checks."""
