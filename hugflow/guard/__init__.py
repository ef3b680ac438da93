"""What stands before the web UI: who may ask, and for what."""
