"""What the stand-ins promise, asked of them by the real clients."""
