"""Readers: the files of a source to plain data; one module per format."""
