"""Access control of the web UI: which requests it answers."""
