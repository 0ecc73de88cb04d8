"""How people come in: by a password of ours, or by their council's directory."""
