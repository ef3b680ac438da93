"""How tables are read, as the config of a card says it: `names`, `field`, `encoding` and others.

    configs:
    - config_name: default
      data_files: train.csv
      names: [path, sentence]

Settings have the names and the meaning that `datasets` gives them. One that changes rows and is not
applied here is an error of the plan. Settings of types and nulls change nothing: csv is kept as
written.
"""

import codecs
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, Final

from hugflow.clients.published import SplitFiles
from hugflow.clients.repository import Repository
from hugflow.errors import RequestInvalid
from hugflow.redact import in_a_line
from hugflow.requests.sources import DELIMITERS, TableForm
from hugflow.shards.card import find_config
from hugflow.shards.layouts.audio_folder import METADATA
from hugflow.shards.layouts.clips import is_clip
from hugflow.shards.layouts.typed_columns import declared_types

TABLES: Final = ("table", "table_archives")
_QUOTE_NONE: Final = 3
# Settings that would change rows, with the values that change none.
_UNREAD: Final[Mapping[str, tuple[Any, ...]]] = {
    "index_col": (None, False),
    "usecols": (None,),
    "converters": (None,),
    "skipinitialspace": (False,),
    "skiprows": (None, 0),
    "nrows": (None,),
    "skip_blank_lines": (True,),
    "lineterminator": (None, "\n"),
    "quotechar": ('"',),
    "escapechar": (None,),
    "comment": (None,),
    "dialect": (None,),
    "skipfooter": (0,),
    "doublequote": (True,),
    "encoding_errors": (None, "strict"),
}


def read_card_form(
    repository: Repository, found: SplitFiles, layout: str, features: Mapping[str, Any]
) -> TableForm | None:
    """The form in which the card says that tables are read; None if it says nothing.

    features: those that the card declares of the subset, in the spelling of metadata.

    Raises RequestInvalid for a setting that changes rows and is not applied.
    """
    if layout not in TABLES:
        return None
    config = find_config(repository.card, found.subset)
    form = TableForm(types=declared_types(features))
    for name, value in config.items():
        changed = _apply(form, name, value, config)
        if changed is None:
            raise _not_applied(repository, found, name, value)
        form = changed
    return None if form == TableForm() else form


def _apply(form: TableForm, name: str, value: Any, config: Mapping[str, Any]) -> TableForm | None:
    """The form with a setting; None for one that is not applied."""
    match name:
        case "sep" | "delimiter":
            # Between tabs and pipes, whether quotation marks enclose fields is found out.
            if value in ("\t", "|", None):
                return form
            return replace(form, delimiter=value) if value in DELIMITERS.values() else None
        case "names" | "column_names":
            if value is None:
                return form
            is_list = isinstance(value, list) and value and all(map(_is_name, value))
            # With `header: 0`, names replace those of the first line.
            has_header = config.get("header", "infer") not in ("infer", None)
            return replace(form, header=tuple(value)) if is_list and not has_header else None
        case "usecols" if isinstance(value, list) and all(map(_is_name, value)):
            return replace(form, columns=tuple((each, each) for each in value))
        case "header":
            if value == "infer" or "names" in config or "column_names" in config:
                return form
            is_first = value == 0 and not isinstance(value, bool)
            return replace(form, header=is_first) if is_first or value is None else None
        case "field":
            if value is None:
                return form
            return replace(form, field=value) if _is_name(value) else None
        case "encoding":
            return form if value is None else _with_encoding(form, value)
        case "quoting":
            return replace(form, is_plain=value == _QUOTE_NONE) if value in (0, 3) else None
        case _:
            return form if _changes_nothing(name, value) else None


def _changes_nothing(name: str, value: object) -> bool:
    """Whether a setting has no effect on rows with this value; False is another value than 0."""
    known = _UNREAD.get(name, (value,))
    return any(type(each) is type(value) and each == value for each in known)


def keep_metadata(repository: Repository, found: SplitFiles) -> SplitFiles | None:
    """The clips of an audio folder and its metadata, if the card says how its files are called.

    None if it says nothing new. Raises RequestInvalid if the split has no such file.
    """
    named = find_config(repository.card, found.subset).get("metadata_filenames")
    if named is None or (isinstance(named, list) and {*named} == {*METADATA}):
        return None
    names = named if isinstance(named, list) else [named]
    kept = [path for path in found.paths if is_clip(path) or PurePosixPath(path).name in names]
    if all(map(is_clip, kept)) or not any(map(is_clip, kept)):
        raise _not_applied(repository, found, "metadata_filenames", named)
    return replace(found, paths=tuple(kept))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _with_encoding(form: TableForm, value: object) -> TableForm | None:
    try:
        known = codecs.lookup(value).name if isinstance(value, str) else None
        "".encode(str(known))
    except LookupError:
        return None
    return form if known in ("utf-8", "utf-8-sig") else replace(form, encoding=known)


def _not_applied(
    repository: Repository, found: SplitFiles, name: str, value: object
) -> RequestInvalid:
    return RequestInvalid(
        f"{repository.repo}@{repository.commit[:7]}: the card's setting {name!r} is not applied",
        why=f"README.md has {in_a_line(f'{name}: {value!r}')} for {found.subset!r}; without it, "
        f"{in_a_line(found.paths[0])!r} would give other rows than `datasets` gives",
        mend="write in `source` how the tables are read (table, audio, delimiter, header), or "
        "request a revision without the setting",
    )
