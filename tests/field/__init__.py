"""Inputs of the field, and what is right of each."""
