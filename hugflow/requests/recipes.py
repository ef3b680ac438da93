"""The recipes of the package: how well-known datasets are published, as data.

A recipe is a file `recipe_files/<name>.yaml`, and no code:

    about: Common Voice, as its mirrors publish it: tars, and a tsv for each split
    forms:                       the first that finds files is read; see `sources`
      - table: transcript/{subset}/{split}.tsv
        audio: audio/{subset}/{split}/*.tar
        key: path
        text: sentence
"""

from functools import cache
from importlib.resources import files
from typing import Final

import yaml

from hugflow.late_dataclass import dataclass
from hugflow.requests.sources import TableForm, read_form

_FOLDER: Final = files("hugflow.requests") / "recipe_files"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe; about: one sentence for people."""

    name: str
    about: str
    forms: tuple[TableForm, ...]


@cache
def read_recipe(name: str) -> Recipe:
    """One of `sources.RECIPES`."""
    told = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text("utf-8"))
    return Recipe(name, told["about"], tuple(map(read_form, told["forms"])))
