"""Checks of everything that work depends on: the machine, the settings, the services."""
