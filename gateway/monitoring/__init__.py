"""How this gateway is: figures, findings, metrics, and what `doctor` says."""
