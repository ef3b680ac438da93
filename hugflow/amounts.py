"""Amounts in the words that people use."""


def human_bytes(size: int | None) -> str:
    """`1.5 GB`, in powers of 1000 as disks are sold."""
    if size is None:
        return "-"
    value = float(size)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable: the last unit returns")


def share_of_bytes(done: int, total: int) -> str:
    """`34.1/120.0 MB`; the unit is that of the total."""
    whole = human_bytes(total)
    number, unit = whole.split(" ")
    power = ("B", "kB", "MB", "GB", "TB").index(unit)
    part = f"{done:,}" if power == 0 else f"{done / 1000**power:,.1f}"
    return f"{part}/{number} {unit}"


def short_time(seconds: float) -> str:
    """`0.4s`, `45s`, `24m34s`, `3h20m`, `120h05m`."""
    if 0 < seconds < 1:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,}h{minutes % 60:02d}m"


def human_time(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 20 min`."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"
