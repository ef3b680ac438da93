"""From a request to a build: the plan in force, its estimate, a preview of a sync."""
