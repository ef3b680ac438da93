"""Any audio value to mono MP3 bytes."""
