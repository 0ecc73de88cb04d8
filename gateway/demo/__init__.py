"""The demo: authorities that do not exist, on this machine, before your eyes."""
