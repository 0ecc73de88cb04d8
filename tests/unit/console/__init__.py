"""The console, without a server."""
