"""From a component to files: Verilog, manifest, template."""
