"""Amaranth generators of line engines for global convolutions."""
