"""Backups of a whole gateway, home folder and database together: made, checked, restored."""
