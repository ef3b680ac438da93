"""One dataset's build as a value: its plan, its options, and whether it is still wanted."""
