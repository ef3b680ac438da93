"""The list of layouts that can be read, and the choice among them."""

from collections.abc import Sequence
from typing import Final, cast

from hugflow.errors import StateUnreadable
from hugflow.lean_start import Late
from hugflow.shards.layouts.archives import is_archive
from hugflow.shards.layouts.clips import is_clip
from hugflow.shards.layouts.layout import Layout
from hugflow.shards.layouts.split_archives import whole_paths


def _late(name: str, of: str | None = None) -> Layout:
    return cast(Layout, Late(f"hugflow.shards.layouts.{name}", of))


# By the name that plans keep: never change it. The first layout that takes all files is chosen, so
# the later ones are imported only for files that it does not take.
LAYOUTS: Final[dict[str, Layout]] = {
    "parquet": _late("parquet"),
    "webdataset": _late("webdataset"),
    "arrow": _late("arrow_folder"),
    "table": _late("table"),
    "table_archives": _late("table_archives"),
    "audio_folder": _late("audio_folder"),
    "kaldi": _late("kaldi"),
    "parquet_cut": _late("parquet_cut", "PARQUET"),
    "webdataset_cut": _late("row_ranges", "WEBDATASET"),
    "arrow_cut": _late("row_ranges", "ARROW"),
}


def choose_layout(paths: Sequence[str], published: Sequence[str] = ()) -> str | None:
    """The name of the layout of a split's files; None if no layout takes all of them.

    published: all files of the repository. Tables are those of its audio files, if it has any, else
    of the members of its archives.
    """
    names = (name for name, layout in LAYOUTS.items() if all(map(layout.takes, paths)))
    name = next(names, None) if paths else None
    has_clips = any(map(is_clip, published))
    is_packed = name == "table" and not has_clips and any(map(is_archive, whole_paths(published)))
    return "table_archives" if is_packed else name


def can_read(path: str) -> bool:
    """Whether a published file with this path has a known layout."""
    return any(layout.takes(path) for layout in LAYOUTS.values())


def find_layout(name: str) -> Layout:
    """The layout that a plan names; raises StateUnreadable for one of a later version."""
    try:
        return LAYOUTS[name]
    except KeyError:
        raise StateUnreadable(
            f"a plan names the layout {name!r}",
            why=f"this hugflow reads {', '.join(LAYOUTS)}",
            mend="use the version of hugflow that wrote the plan, or plan the request again",
        ) from None
