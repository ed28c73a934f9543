"""Netlists in which one thing is wrong at a time, chosen by an input."""
