"""What a person means by NAME: a dataset's name, its hf_id, its request file, or a prefix."""

import os.path
from collections.abc import Iterable, Mapping

from hugflow.errors import UsageWrong
from hugflow.nearest import nearest_name

# The names that an error lists.
_MOST_NAMED = 5


def match_names(
    wanted: Iterable[str], names: Iterable[str], file_by_name: Mapping[str, str]
) -> list[str]:
    """The datasets that a person means, in that order; a folder means its request files.

    Raises UsageWrong for one that fits no dataset or several.
    """
    names = list(names)
    found: dict[str, None] = {}
    for each in wanted:
        folder = f"{os.path.normpath(each)}{os.sep}"
        below = [name for name in names if file_by_name.get(name, "").startswith(folder)]
        if below:
            found |= dict.fromkeys(below)
            continue
        name = match_name(each, names, file_by_name)
        if name is None:
            raise no_such_dataset(each, names)
        found[name] = None
    return list(found)


def match_name(wanted: str, names: Iterable[str], file_by_name: Mapping[str, str]) -> str | None:
    """The dataset that a person means; None if there is none.

    wanted: a name, an hf_id, a request file, or the beginning of a name.
    Raises UsageWrong if several datasets fit.
    """
    known = sorted(set(names))
    if wanted in known or not wanted:
        return wanted or None
    file = os.path.normpath(wanted)
    found = [name for name in known if file_by_name.get(name) == file]
    if not found:
        # A dataset's name begins with its hf_id: `owner/name` is `owner__name__...`.
        start = f"{wanted.replace('/', '__')}__" if "/" in wanted else wanted
        found = [name for name in known if name.startswith(start)]
        # `a__speech` means that dataset, although `a__speech2` begins so too.
        whole = [name for name in found if name.startswith(f"{wanted}__")]
        found = whole if len(whole) == 1 else found
    if len(found) > 1:
        raise UsageWrong(
            f"{wanted!r} fits {len(found)} datasets",
            why=f"they are {', '.join(found[:_MOST_NAMED])}{', ...' * (len(found) > _MOST_NAMED)}",
            mend="give the whole name of one of them",
        )
    return found[0] if found else None


def is_meant(written: str, name: str, hf_id: str | None, split: str | None) -> bool:
    """Whether `written`, a name, an hf_id or `hf_id#split`, means a dataset."""
    wanted, _, wanted_split = written.partition("#")
    return written == name or (hf_id == wanted and wanted_split in ("", split))


def no_such_dataset(
    name: str,
    known: Iterable[str],
    *,
    why: str = "it is neither requested, planned, stored nor removed here",
    mend: str = "`hugflow status` lists the names",
) -> UsageWrong:
    """The error for an unknown dataset name; it suggests the nearest known name, else `mend`."""
    # Also compare with the name on the Hub.
    near = nearest_name(name.replace("/", "__"), known)
    return UsageWrong(
        f"no dataset is called {name!r}",
        why=why,
        mend=f"did you mean {near}?" if near else mend,
    )
