"""Attacks that were tried, each with drawn input: a file for each class of them."""
