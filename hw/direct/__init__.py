"""The direct engine: a chain of multiply-accumulate taps that each line passes in N steps."""
