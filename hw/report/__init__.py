"""A page of what was built: one HTML file that needs nothing else."""
