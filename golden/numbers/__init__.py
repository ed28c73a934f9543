"""Integers and how floats become them: intervals, fixed point, scales, rounding, error bounds."""
