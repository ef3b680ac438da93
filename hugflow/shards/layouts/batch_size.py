"""How many rows are read at once."""

from typing import Final

# The most that a batch of rows holds.
BATCH_BYTES: Final = 8 << 20
BATCH_ROWS: Final = 1024
