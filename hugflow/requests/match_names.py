"""What a person means by NAME: a dataset's name, hf_id, hf_id#split, request file, or a prefix."""

import os.path
import re
from collections.abc import Iterable, Mapping, Sequence

from hugflow.errors import UsageWrong
from hugflow.nearest import VERY_ALIKE, nearest_name

# The names that an error lists.
_MOST_NAMED = 5
_SUFFIXES = (".yaml", ".yml")
_BEHIND_HF_ID = re.compile("__(?:subset|split)_")


def find_names(wanted: str, names: Iterable[str], file_by_name: Mapping[str, str]) -> list[str]:
    """The datasets that `wanted` means, as `match_name` reads it; none if it fits none.

    A request file or a folder of them means all of their datasets. Otherwise raises UsageWrong if
    several datasets fit.
    """
    names, file = list(names), os.path.normpath(wanted)
    found = [name for name in names if is_below(file_by_name.get(name, ""), file)]
    if not found and (name := match_name(wanted, names, file_by_name)) is not None:
        found = [name]
    return found


def is_below(path: str, file: str) -> bool:
    """Whether `path` is the file `file`, or in the folder `file`."""
    return path == file or path.startswith(f"{file}/")


def match_name(wanted: str, names: Iterable[str], file_by_name: Mapping[str, str]) -> str | None:
    """The dataset that a person means; None if there is none.

    wanted: a name, an hf_id, `hf_id#split`, a request file or a folder of them, or the beginning of
    a name. Raises UsageWrong if several datasets fit.
    """
    known = sorted(set(names))
    if wanted in known or not wanted:
        return wanted or None
    file = os.path.normpath(wanted)
    found = [name for name in known if is_below(file_by_name.get(name, ""), file)]
    if not found:
        # A dataset's name begins with its hf_id: `owner/name` is `owner__name__...`.
        hf_id, _, split = wanted.partition("#")
        start = f"{hf_id.replace('/', '__')}__" if "/" in hf_id else hf_id
        part = f"__split_{split}__" if split else ""
        found = [name for name in known if name.startswith(start) and part in name]
        # `a__speech` means that dataset, although `a__speech2` and `a__speech__2` begin so too.
        for ending in ("__", "__subset_", "__split_"):
            whole = [name for name in found if name.startswith(f"{start.rstrip('_')}{ending}")]
            found = whole if len(whole) == 1 else found
    if len(found) > 1:
        raise fits_several(wanted, found)
    return found[0] if found else None


def fits_several(wanted: str, names: Sequence[str]) -> UsageWrong:
    """The error for a NAME that fits several datasets; it lists them."""
    return UsageWrong(
        f"{wanted!r} fits {len(names)} datasets",
        why=f"they are {', '.join(names[:_MOST_NAMED])}{', ...' * (len(names) > _MOST_NAMED)}",
        mend="give the whole name of one of them",
    )


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
    """The error for an unknown dataset name; it suggests the nearest known name, else `mend`.

    known: names, and request files for a name that looks like one.
    """
    is_file = name.endswith(_SUFFIXES)
    known = [each for each in known if each.endswith(_SUFFIXES) == is_file]
    # Compare with the names on the Hub too: `owner/name` begins the dataset's name.
    wanted = name if is_file else name.replace("/", "__")
    full_names = {_BEHIND_HF_ID.split(each)[0]: each for each in sorted(known, reverse=True)}
    begun = nearest_name(wanted, full_names, likeness=VERY_ALIKE)
    near = nearest_name(wanted, known) if begun is None else full_names[begun]
    return UsageWrong(
        f"no dataset is called {name!r}",
        why=why,
        mend=f"did you mean {near}?" if near else mend,
    )
