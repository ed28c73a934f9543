"""The Fermat engine: transforms modulo 2^b + 1."""
