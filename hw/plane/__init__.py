"""Two-dimensional engines: maps through transforms along both axes, on the line engines' parts."""
