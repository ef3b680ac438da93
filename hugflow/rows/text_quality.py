"""What is measured of a row's text: how fast it is spoken, and in which script it is written."""

import unicodedata
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from hugflow.ledger.journal import RowMade

# Unicode's names of characters begin with that of the script, except for these.
_SCRIPTS: Final = {
    "CJK": "Han",
    "IDEOGRAPHIC": "Han",
    "FULLWIDTH": "Latin",
    "HALFWIDTH": "Katakana",
}


def with_text_quality(row: RowMade, text: Any) -> RowMade:
    """The same row with the figures of its text, if its main clip was measured."""
    audio = row.audio
    if audio is None or audio.quality is None:
        return row
    speed, script = None, None
    if isinstance(text, str):
        speed = round(len(text) / audio.duration, 2) if audio.duration else None
        script = find_script(text)
    quality = replace(audio.quality, chars_per_second=speed, script=script)
    return replace(row, audio=replace(audio, quality=quality))


def find_script(text: str) -> str | None:
    """The script of most letters, such as `Latin`; None without letters.

    Of two scripts with equally many letters, the first by name.
    """
    if text.isascii():
        return "Latin" if text.lower() != text.upper() else None
    counts = Counter(filter(None, map(_script_of, text)))
    return min(counts, key=lambda script: (-counts[script], script), default=None)


@lru_cache(maxsize=16_384)
def _script_of(character: str) -> str | None:
    if not character.isalpha():
        return None
    name = unicodedata.name(character, "")
    first = name.partition(" ")[0]
    return _SCRIPTS.get(first, first.capitalize()) or None
