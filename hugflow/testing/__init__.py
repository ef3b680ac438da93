"""Stand-ins for the world: a loopback Hub and datasets published on it."""
