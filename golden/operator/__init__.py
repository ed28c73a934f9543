"""ParC itself, in float64, and the networks that have it."""
