"""Holding what is stored against what was made."""
