"""The matrix unit: inputs x outputs a cycle, two products a multiplier."""
