"""Killing, filling disks and breaking lines: nothing is ever lost."""
