"""Behavioural models, in Verilog, of primitives that Yosys has no simulation model of."""
