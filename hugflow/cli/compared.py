"""Planned and actual figures of a dataset, side by side."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hugflow.amounts import human_bytes
from hugflow.cli.verbs import print_field

if TYPE_CHECKING:
    from hugflow.stages.planning.estimate import Compared

WORDS = {
    "rows": "rows",
    "hours": "hours",
    "mp3_bytes": "MP3",
    "json_bytes": "JSON",
    "files": "files",
}


def print_compared(compared: "Iterable[Compared]") -> None:
    """Print a line for each planned figure; nothing when there is no plan."""
    found = list(compared)
    if not found:
        return
    print_field("", f"{'planned':>12}{'made':>12}", 6)
    for each in found:
        planned = "not known" if each.planned is None else _say(each, each.planned)
        print_field(WORDS[each.what], f"{planned:>12}{_say(each, each.actual):>12}", 6)


def _say(compared: "Compared", amount: float) -> str:
    if compared.what == "hours":
        return f"{amount:,.3f}"
    return human_bytes(int(amount)) if compared.what.endswith("_bytes") else f"{int(amount):,}"
