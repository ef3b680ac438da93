"""Tables and files beside clips that are not read, and how to have them read."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import PurePosixPath
from typing import Final

from hugflow.amounts import count
from hugflow.redact import in_a_line
from hugflow.shards.layouts.clips import is_clip
from hugflow.shards.layouts.tables import LINES, NO_TABLES, is_table

_SCP: Final = "wav.scp"
_CUES: Final = "; to have its cues as rows, set segments: {{beside: {}}}"


def warn_of_unread(
    paths: Iterable[str],
    read: Collection[str],
    metadata: Collection[str],
    *,
    reads_texts: bool,
) -> list[str]:
    """Warnings for tables of a repository that are not read, and for files of the clips' names.

    paths: all files of the repository.
    read: the tables that are read, or of which a warning says why they are not.
    metadata: names of tables that are read without being asked for.
    reads_texts: whether `<stem>.txt` is read with its clip.
    """
    known = [path for path in paths if not any(part.startswith(".") for part in path.split("/"))]
    stems = {path.rpartition(".")[0] for path in known if is_clip(path)}
    tables: list[str] = []
    beside: list[str] = []
    lists: list[str] = []
    named: list[str] = []
    for path in known:
        name = PurePosixPath(path).name
        stem, _, ending = path.rpartition(".")
        if name == _SCP:
            lists.append(path)
        elif path in read or name in metadata or name in NO_TABLES or is_clip(path):
            continue
        elif not is_table(path):
            if stem in stems and not (reads_texts and ending == "txt"):
                named.append(path)
        elif name.endswith(".json") and path.removesuffix(".json") in stems:
            beside.append(path)
        else:
            tables.append(path)
    warnings = []
    if tables:
        warnings.append(
            f"left out: {count(len(tables), 'table')} whose name is not "
            f"{' or '.join(metadata)}, such as {in_a_line(min(tables))!r}; to have the rows of the "
            "tables, set source: {layout: table}"
        )
    if beside:
        warnings.append(
            f"left out: {count(len(beside), 'JSON file')} beside audio files, such as "
            f"{in_a_line(min(beside))!r}"
        )
    if named:
        first = min(named)
        ending = first.rpartition(".")[2].lower()
        warnings.append(
            f"left out: {count(len(named), 'other file')} of the names of audio files, such as "
            f"{in_a_line(first)!r}"
            + (_CUES.format(ending) if ending in ("srt", "vtt", "rttm") else "")
        )
    if lists:
        warnings.append(
            f"left out: Kaldi's {in_a_line(min(lists))!r}; to have its rows, set "
            "source: {layout: kaldi}"
        )
    return warnings


def is_table_of_rows(member: str) -> bool:
    """Whether a member of an archive is a table by its name; JSON beside a clip is of its row."""
    is_json = member.lower().endswith(".json")
    return member.endswith(LINES) or (is_table(member) and not is_json)


def warn_of_inner(tables: Sequence[str]) -> list[str]:
    """A warning for tables among the first members of tars, where each member is of its own row."""
    if not tables:
        return []
    name = in_a_line(PurePosixPath(min(tables)).name)
    form = f'table: "**/{name}", audio: "**", inside: true'
    if name.endswith(LINES):
        form = (
            f'table: "**/*{LINES}", audio: "**", inside: true, format: lines, key: id, text: text'
        )
    return [
        f"left out: the lines of {count(len(tables), 'table')} in tars, such as "
        f"{in_a_line(min(tables))!r}, which is a row without a clip; to have them as rows of their "
        f"clips, set source: {{{form}}}"
    ]
