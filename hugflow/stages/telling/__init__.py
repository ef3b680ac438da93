"""Reports on a build: its progress file and its notices."""
