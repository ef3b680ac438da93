"""Text as a recogniser is trained on it."""

import re
import unicodedata
from typing import Any

from hugflow.flows import AtomicFlow

_SPACES = re.compile(r"\s+")


class NormaliseText(AtomicFlow):
    """Gives the text of a row in one Unicode form, with single spaces; what else is configured.

    NormaliseText().run({"text": " Hello  world "}) == {"text_norm": "Hello world"}

    A row without text has none afterwards.
    """

    def run(self, data: dict[str, Any]) -> dict[str, Any]:
        """One row."""
        config = self.config
        text = data.get(config["field"])
        if text is None:
            return {config["into"]: None}
        text = unicodedata.normalize(config["form"], str(text))
        if config["lower"]:
            text = text.lower()
        if config["drop_punctuation"]:
            # An apostrophe or a hyphen within a word is part of it.
            text = re.sub(r"(?<!\w)[^\w\s]+|[^\w\s]+(?!\w)", " ", text)
        return {config["into"]: _SPACES.sub(" ", text).strip()}
