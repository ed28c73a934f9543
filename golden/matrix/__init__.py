"""The matrix unit in integers: inputs x outputs a cycle, two products a multiplier."""
