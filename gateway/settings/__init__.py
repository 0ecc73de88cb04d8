"""What may be set in gateway.toml: the sections, how the file is read, and which settings may stand."""
