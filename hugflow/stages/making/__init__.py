"""Making the rows of a shard: fetch, decode, encode, write, commit."""
