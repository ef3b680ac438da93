"""Row steps: the `flows:` of a request run over the made rows before publishing."""
