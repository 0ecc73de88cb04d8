"""Attacks, each named for its class: what a hostile hand may do, drawn anew in every run."""
