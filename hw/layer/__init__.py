"""Whole layers: maps in as a raster, maps out."""
