"""The audit log: it is checked, read by auditors, and held against those of partners."""
