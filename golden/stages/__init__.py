"""What layers are made of: a file a stage."""
