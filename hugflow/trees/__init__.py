"""Reading YAML and JSON that people write, strictly, to plain values with their lines."""
