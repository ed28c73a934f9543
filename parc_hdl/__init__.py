"""The command `parc`; installed from a wheel, the home of all other packages too."""
