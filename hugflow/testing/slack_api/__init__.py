"""What the loopback Slack holds and answers; `hugflow.testing.slack` is what is opened."""
