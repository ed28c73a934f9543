"""Dense engines: lines of all input channels held, and added up for every output channel."""
