"""Sending finished datasets onward: to a repository of the Hub, or to object storage."""
