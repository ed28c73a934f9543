"""Targets as objects: each with its recipes, its parts, its synthesis and its cost model."""
