"""Content and answers of the loopback Slack, which `hugflow.testing.slack` opens."""
