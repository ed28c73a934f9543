"""What was measured of builds, and what it says of others."""
