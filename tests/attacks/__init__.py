"""Attacks, by class: each draws what it sends, and says what must be true of it."""
