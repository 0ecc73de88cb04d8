"""The directory of a scheme: joined, fetched and compared by its members; built, signed and published by its keeper."""
