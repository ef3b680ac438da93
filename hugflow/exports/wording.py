"""Words in the forms that other tools' text files can hold, and a count of what was changed."""

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from typing import Any

log = logging.getLogger(__name__)

# Columns that name the speaker in published datasets, the most telling first.
_SPEAKER_COLUMNS = ("speaker_id", "speaker", "spk_id", "client_id", "reader_id", "speaker_name")
# What `str.splitlines` takes for the end of a line, although JSON does not.
_LINE_ENDS = {ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}
# White space, and characters that nothing prints: Kaldi refuses a text that has one.
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


class Changes:
    """Counts the texts that had to be changed for a format, and says so once."""

    def __init__(self, dataset: str, export: str) -> None:
        """Nothing is counted yet."""
        self._dataset, self._export = dataset, export
        self._texts = self._left_out = 0

    def changed(self, before: str, after: str) -> str:
        """The text after the change; counted if it differs."""
        self._texts += before != after
        return after

    def leave_out(self) -> None:
        """Count a row that the format cannot hold."""
        self._left_out += 1

    def tell(self) -> None:
        """Log the counts, if there are any."""
        if self._texts:
            log.warning(
                "%s: %s: signs that the format cannot hold were replaced in %d texts",
                self._dataset,
                self._export,
                self._texts,
            )
        if self._left_out:
            log.warning(
                "%s: %s: %d rows without text, or with a name that the format cannot hold, left out",
                self._dataset,
                self._export,
                self._left_out,
            )


def json_line(fields: Mapping[str, Any]) -> bytes:
    """One line of JSON Lines, as UTF-8, with no end of line inside for any reader."""
    text = json.dumps(fields, ensure_ascii=False, allow_nan=False)
    return text.translate(_LINE_ENDS).encode() + b"\n"


def ascii_json_line(fields: Mapping[str, Any]) -> bytes:
    """One line of JSON Lines in ASCII, for a reader that opens it in the locale's encoding."""
    return json.dumps(fields, allow_nan=False).encode() + b"\n"


def in_one_line(text: str) -> str:
    """The text with each run of white space and control characters as one blank, none around it."""
    return _SPACE.sub(" ", text).strip()


def find_speaker(columns: Mapping[str, Any]) -> str | None:
    """The speaker of a row, from the first of the columns that usually name one."""
    for name in _SPEAKER_COLUMNS:
        match columns.get(name):
            case str(speaker) if speaker.strip():
                return speaker
            case bool() | None:
                continue
            case int(speaker):
                return str(speaker)
            case float(speaker) if speaker.is_integer():
                # Whole numbers beside null, as pandas keeps them.
                return str(int(speaker))
            case {"name": str(speaker)}:
                return speaker
            case _:
                continue
    return None


def safe_id(value: str, allowed: str) -> str:
    """An id of allowed signs; one that had to be changed ends in a hash, so no two become one.

    allowed: a class of signs in a pattern, such as `A-Za-z0-9_`.
    """
    safe = re.sub(f"[^{allowed}]", "_", value)
    if safe == value and value:
        return safe
    return f"{safe}_{hashlib.sha256(value.encode()).hexdigest()[:8]}"
