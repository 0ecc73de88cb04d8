"""Who may come in: people by a password or their council's directory, case systems by a secret."""
