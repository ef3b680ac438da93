"""Content and answers of the loopback GitHub, which `hugflow.testing.github` opens."""
