"""How the memory of large messages is used again.

glibc gives freed memory back to the system when more than a quarter of a megabyte is free. A batch
of a megabyte is copied several times on its way, and to take the memory of each copy anew costs a
page fault for every 4 kB: that took longer than to hash and to send the batch. Once a larger piece
was freed, glibc keeps up to twice as much of what is freed (M_TRIM_THRESHOLD in mallopt(3)).
"""

from typing import Final

# Twice the largest message of our server; glibc takes no notice of more than 32 MiB.
KEPT_BYTES: Final = 16 << 20


def keep_freed_memory() -> None:
    """Let freed memory of large messages stay with this process; elsewhere than on glibc: nothing.

    Only the address space is taken, and for a moment; no page of it is touched.
    """
    bytes(KEPT_BYTES)
