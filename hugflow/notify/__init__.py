"""Telling people how their requests stand: notices, texts, the outbox, and who carries them."""
