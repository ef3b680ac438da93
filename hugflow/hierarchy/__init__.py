"""Parent repositories: what a repository's data is composed of."""
