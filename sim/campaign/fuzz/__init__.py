"""Damaged files in front of every reader."""
