"""Texts in the script that they should be written in."""

import unicodedata
from functools import lru_cache
from typing import Any

from hugflow.flows import AtomicFlow


class CheckScript(AtomicFlow):
    """Gives the share of a text's letters that are of the scripts asked for.

    CheckScript(at_least=0).run({"text": "Да yes"}) == {"script_share": 0.6}

    Below `at_least` the row is left out. A text without letters has all of them.
    """

    def run(self, data: dict[str, Any]) -> dict[str, Any] | None:
        """One row."""
        text = str(data.get(self.config["field"]) or "")
        letters = [character for character in text if character.isalpha()]
        scripts = {script.upper() for script in self.config["scripts"]}
        matching = sum(_script(letter) in scripts for letter in letters)
        share = matching / len(letters) if letters else 1.0
        if share < self.config["at_least"]:
            return None
        return {self.config["into"]: round(share, 4)}


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    """The first word of a letter's name: LATIN, CYRILLIC, ARABIC, CJK, HIRAGANA, ..."""
    return unicodedata.name(letter, "UNKNOWN").split(" ", 1)[0]
