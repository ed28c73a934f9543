"""Designs for real boards."""
