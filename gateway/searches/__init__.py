"""Searches for children: ours as a whole, those that came against our own children, and the fourteen-day review."""
