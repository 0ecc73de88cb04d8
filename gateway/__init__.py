"""What one authority decides, promises and remembers."""
