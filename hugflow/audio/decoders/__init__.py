"""What decodes encoded clips: one module per decoder, and the list of them in `registry`."""
