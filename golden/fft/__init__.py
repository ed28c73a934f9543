"""The FFT engine, its widths and the proof of its bound."""
