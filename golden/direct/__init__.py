"""The direct engine: one product a tap, two taps a multiplier."""
