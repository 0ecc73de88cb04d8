"""A school year of many authorities, in simulated time."""
