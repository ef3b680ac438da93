"""Which files belong to a subset and split: the rules of `datasets`, without importing it."""
