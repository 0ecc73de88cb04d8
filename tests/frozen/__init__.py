"""Readers as earlier versions had them, copied and never changed: what a newer version writes, they still meet."""
