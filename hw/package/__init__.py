"""Builds as other tools take them: files beside a build's Verilog."""
