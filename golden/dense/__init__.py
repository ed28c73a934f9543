"""Engines that sum over channels."""
