"""Layouts, that is, how published files hold rows: one module each; `registry` lists them."""
