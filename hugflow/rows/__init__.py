"""One row: its audio out of Arrow, and its JSON."""
