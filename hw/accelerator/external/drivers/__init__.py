"""What a processor runs: `parc.c` and `parc.py`, which a build copies beside its Verilog."""
