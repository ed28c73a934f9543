"""Layers on feature maps."""
