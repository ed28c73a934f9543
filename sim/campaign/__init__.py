"""Long trials of everything generated, part by part: ``make campaign``."""
