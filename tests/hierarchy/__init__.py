"""Tests of the hierarchy of parent repositories."""
