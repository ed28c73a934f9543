"""From a trained network to configurations of layers: the only part of `hw` that needs torch."""
