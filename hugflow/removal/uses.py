"""What still uses a stored dataset: a dataset in use is not removed.

Plain functions in FINDERS find the uses; a new kind of user adds its function there.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from hugflow.errors import HugflowError
from hugflow.late_dataclass import dataclass
from hugflow.store.layout import Places


class UsesUnknown(HugflowError):
    """It is unknown whether something uses the dataset to be removed."""


class DatasetInUse(HugflowError):
    """Something uses the dataset to be removed."""


@dataclass(frozen=True, slots=True)
class Use:
    """One user of a dataset: its description, and how to end the use."""

    what: str
    mend: str


def find_uses(places: Places, name: str) -> tuple[Use, ...]:
    """Everything that uses the dataset `name`; raises UsesUnknown if that cannot be seen."""
    try:
        return tuple(use for find in FINDERS for use in find(places, name))
    except OSError as error:
        raise UsesUnknown(
            f"{name} is not removed, because it is unknown what uses it",
            why=f"{error.filename} cannot be looked into: {error.strerror}",
            mend="let this user read it, or move it out of PROCESSED_ROOT",
        ) from error


def refuse_used(name: str, uses: Iterable[Use]) -> None:
    """Raise DatasetInUse, with the users' names, if something uses the dataset."""
    found = tuple(uses)
    if found:
        raise DatasetInUse(
            f"{name} is still in use, so nothing was removed",
            why="; ".join(use.what for use in found),
            mend=found[0].mend,
        )


def find_alias_links(places: Places, name: str) -> Iterator[Use]:
    """Links below PROCESSED_ROOT that lead into the dataset's tree, other than its own link."""
    tree = Path(os.path.realpath(places.dataset(name).root))
    for link in _links_below(
        places.processed_root, but_not=(places.storage_root, places.state_dir)
    ):
        target = Path(os.path.realpath(link))
        if link != places.link(name) and target.is_relative_to(tree):
            yield Use(f"the link {link} leads to {target}", f"delete the link {link}")


Finder = Callable[[Places, str], Iterable[Use]]
FINDERS: tuple[Finder, ...] = (find_alias_links,)


def _links_below(root: Path, but_not: tuple[Path, ...]) -> Iterator[Path]:
    """Every link below `root`, in order; links are not followed."""
    if not root.is_dir():
        return

    def refuse(error: OSError) -> None:
        # A folder at the top of a disk, used by the disk's own checks.
        if not str(error.filename).endswith("/lost+found"):
            raise error

    skipped = {path.resolve() for path in but_not}
    for folder, names, files in os.walk(root, onerror=refuse):
        here = Path(folder)
        paths = [here / name for name in sorted([*names, *files])]
        yield from (path for path in paths if path.is_symlink())
        names[:] = [name for name in names if (here / name).resolve() not in skipped]
