"""The FFT engine: forward transform, product with the spectrum, and back, in fixed point."""
