"""Reports on requests: notices, texts, the outbox, and the senders for GitHub and Slack."""
