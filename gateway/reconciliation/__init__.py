"""What has not been answered: how long each may take, what is owed by whom, and who is reminded."""
