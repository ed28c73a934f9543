"""How each operator of a network maps to the accelerator's units."""
