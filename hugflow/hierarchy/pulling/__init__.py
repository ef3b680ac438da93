"""Pulling: a repository's own data, from where it is kept to the repository's input folder."""
