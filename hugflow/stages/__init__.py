"""What is done to one shard, or to one dataset."""
