"""How published files hold rows: a module for each layout, and one list of them in `registry`."""
