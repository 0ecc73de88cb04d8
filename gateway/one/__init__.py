"""Files from and for ONE, or another case system."""
