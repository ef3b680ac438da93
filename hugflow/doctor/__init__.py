"""Looking at everything that work here depends on: the machine, the settings, the services."""
