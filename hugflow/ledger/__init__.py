"""Which rows and shards are done."""
