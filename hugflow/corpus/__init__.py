"""All stored datasets together: queries, overlaps between them."""
