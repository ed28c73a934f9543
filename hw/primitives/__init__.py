"""What a device's own blocks look like from the engines: multipliers and memories, by target."""
