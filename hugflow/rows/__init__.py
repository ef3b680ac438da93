"""One row: its audio as Arrow holds it, and its JSON."""
