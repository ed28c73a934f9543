"""The planner: engines for all ParC layers of a network, on a device."""
