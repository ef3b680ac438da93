"""The Hub and git, as plain calls."""
