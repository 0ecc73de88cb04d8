"""Decisions without I/O: no async, no clock, no random, no SQL."""
