"""What all line engines are told, their weights, and their sums."""
