"""Benches of the generated Verilog, and what builds and runs them."""
