"""The accelerator: a network's maps, and the units that they pass, one descriptor after another."""
