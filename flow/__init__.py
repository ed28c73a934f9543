"""From generated Verilog to a device: synthesis, place and route, and what they report."""
