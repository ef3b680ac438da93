"""The work on one shard, or on one dataset."""
