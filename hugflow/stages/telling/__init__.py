"""Telling others about a build: its progress file and its notices."""
