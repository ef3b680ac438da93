"""Values of a config as the text of a command line."""

import json
import os
from datetime import date, time
from pathlib import PurePath
from typing import Any

from hugflow.flowrider.errors import FlowConfigError


def to_text(value: Any, place: str) -> str:
    """A value as text: a text or path as it is, a date in ISO form, else JSON.

    place: the file, line and key, for errors. Raises FlowConfigError for any other type.
    """
    if isinstance(value, str):
        text = value
    elif isinstance(value, PurePath):
        text = str(value)
    elif isinstance(value, date | time):
        text = value.isoformat()
    else:
        text = _to_json(value, place)
    try:
        is_usable = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        is_usable = False
    if is_usable:
        return text
    raise FlowConfigError(
        f"{place}: the text holds a character that no command line may hold",
        why="it is given to the flow as an argument",
        mend="delete that character",
    )


def _to_json(value: Any, place: str) -> str:
    try:
        return json.dumps(value, allow_nan=False, default=_to_inner_text)
    except (TypeError, ValueError, RecursionError) as error:
        raise FlowConfigError(
            f"{place}: the value cannot be given to the flow",
            why=f"{type(value).__name__} has no form on a command line: {error}",
            mend="give text, a number, true, false, a list, a mapping, a path or a date",
        ) from error


def _to_inner_text(value: object) -> str:
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON value")
