"""A folder that a person names for files of a dataset: never one that holds datasets or state."""

from pathlib import Path

from hugflow.errors import UsageWrong
from hugflow.store.layout import Places


def refuse_out(places: Places, out: Path) -> None:
    """Raise UsageWrong for a file, and for a folder in storage or among the state.

    Each dataset holds only what its manifest names; whatever else lies there is an orphan.
    """
    place = out.resolve()
    for root, name in ((places.storage_root, "STORAGE_ROOT"), (places.state_dir, "STATE_DIR")):
        if place.is_relative_to(root.resolve()):
            raise UsageWrong(
                f"{out} is inside {name}, {root}",
                why="only what Hugflow makes belongs there: `hugflow verify` and `hugflow drift` "
                "would tell of anything else",
                mend="choose another folder by --out; to have an export in the dataset itself, set "
                "EXPORTS or `exports:`",
            )
    if out.is_symlink() and not out.exists():
        raise UsageWrong(
            f"{out} is a link to nothing",
            why=f"it leads to {out.readlink()}",
            mend="name another folder by --out",
        )
    taken = next((each for each in (out, *out.parents) if each.exists()), None)
    if taken is not None and not taken.is_dir():
        raise UsageWrong(
            f"{taken} is a file", why="a folder is meant", mend="name another folder by --out"
        )
