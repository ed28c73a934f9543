"""Whole networks in integers: a graph of operators, each described and computed in one file."""
