"""What the loopback GitHub holds and answers; `hugflow.testing.github` is what is opened."""
