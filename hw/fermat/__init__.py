"""The Fermat engine: transforms modulo 2^b + 1, whose twiddles are rotations of wires."""
