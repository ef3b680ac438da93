"""Row steps: the `flows:` of a request, over the rows that were made, before they are published."""
