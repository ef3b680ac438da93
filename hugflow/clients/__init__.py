"""Clients of the Hub, git, GitHub and Slack, as plain calls."""
