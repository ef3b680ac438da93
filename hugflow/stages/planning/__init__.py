"""From a request to a build: the plan in force, what it will cost, what a sync would do."""
