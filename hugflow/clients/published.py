"""The files of a subset and split, as `datasets` itself finds them.

`datasets` is imported inside the functions: the import costs more than everything else together,
and a command that continues with a settled plan does not need it.
"""

from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any

import httpx2

from hugflow.clients.choices import advise, name_choices
from hugflow.clients.hub import Hub
from hugflow.clients.hub_errors import HUB_ERRORS, offline, one_line, retry, to_hugflow_error
from hugflow.clients.session import speak_through_our_log
from hugflow.errors import HubUnavailable, HugflowError, NotAuthorised, RequestInvalid
from hugflow.late_dataclass import dataclass

MEND_NO_PARQUET = (
    "choose a revision that holds parquet files, such as refs/convert/parquet; besides it, "
    "audio folders, WebDataset tars, csv, tsv, JSON and Arrow files are read; where the files are "
    "clips, `source: {layout: audio_folder}` in the request says so"
)


class NotParquet(RequestInvalid):
    """The split is published in a form that is not read here.

    subset: the name that `datasets` gives to the requested subset; None if it gives none.
    reader, example: the type of its files for `datasets`, and one of the files.
    """

    def __init__(
        self,
        what: str,
        *,
        why: str,
        subset: str | None,
        reader: str | None = None,
        example: str | None = None,
    ) -> None:
        """Keep what the files are instead."""
        super().__init__(what, why=why, mend=MEND_NO_PARQUET)
        self.subset = subset
        self.reader = reader
        self.example = example


class CardUnreadable(RequestInvalid):
    """`datasets` cannot read the card."""


@dataclass(frozen=True, slots=True)
class SplitFiles:
    """Paths of the files of one split, in the order in which `datasets` reads them.

    subset: the name that `datasets` gives to the requested subset.
    reader: the type of the files.
    of_splits: the files of all splits of the subset.
    """

    subset: str
    reader: str
    paths: tuple[str, ...]
    of_splits: frozenset[str] = frozenset()


def fetch_split_files(
    hub: Hub,
    hf_id: str,
    commit: str,
    subset: str | None,
    split: str,
    *,
    can_read: Callable[[str], bool],
    known: "Resolved | None" = None,
) -> SplitFiles:
    """The files of one split, whatever their form.

    can_read: whether a file with this path may be read here; explains a missing split.
    known: the files of the subset, if they are known; None asks `datasets`.

    Raises NotParquet if `datasets` finds no files; RequestInvalid for a missing subset or split,
    and for files outside this repository and commit (a card may name any address).
    """
    what = f"{hf_id}@{commit}"
    resolved = known or _resolve(hub, hf_id, commit, subset)
    splits = resolved.files
    if split not in splits:
        every = [path for paths in splits.values() for path in paths]
        if every and not any(map(can_read, every)):
            found = SplitFiles(resolved.subset, resolved.reader, ())
            raise not_parquet(what, split, found, every[0])
        raise no_such_split(what, split, list(splits), subset)
    if any("://" in path for path in splits[split]):
        raise RequestInvalid(
            f"{what}: the split {split!r} reaches outside its repository",
            why="its card names files of another repository, commit or host",
            mend="request the repository that holds the files",
        )
    of_splits = frozenset(path for paths in splits.values() for path in paths)
    return SplitFiles(resolved.subset, resolved.reader, tuple(splits[split]), of_splits)


def ask_subsets(hub: Hub, hf_id: str, commit: str) -> list[str | None]:
    """The subsets of a dataset, as `datasets` lists them; [None] if it lists none."""
    with TemporaryDirectory(prefix="hugflow-") as cache:
        return [*_list_subsets(hub, hf_id, commit, cache)] or [None]


def ask_splits(hub: Hub, hf_id: str, commit: str, subset: str | None) -> list[str]:
    """The splits of a subset, as `datasets` finds them; raises RequestInvalid."""
    return list(_resolve(hub, hf_id, commit, subset).files)


def address_prefix(hf_id: str, commit: str) -> str:
    """How `datasets` begins the addresses of a repository's files."""
    return f"hf://datasets/{hf_id}@{commit}/"


def not_parquet(what: str, split: str, found: SplitFiles, example: str | None) -> NotParquet:
    """The error for files of another form; example: one of them, None if there are none."""
    return NotParquet(
        f"{what}: the split {split!r} is not published as parquet",
        why=f"it consists of files like {example!r}" if example else "it has no files",
        subset=found.subset,
        reader=found.reader,
        example=example,
    )


def no_such_split(what: str, split: str, splits: list[str], subset: str | None) -> RequestInvalid:
    """The error for a missing split, with a list of the existing ones."""
    return RequestInvalid(
        f"{what}: no split {split!r}",
        why=f"{_subset_words(subset)} has the splits {name_choices(split, splits)}",
        mend=advise("split", split, splits),
    )


def no_such_subset(what: str, subset: str | None, subsets: list[str]) -> RequestInvalid:
    """The error for a missing or unnamed subset, with a list of the existing ones."""
    if subset is None:
        return RequestInvalid(
            f"{what}: the dataset has several subsets, and the request names none",
            why=f"it has {name_choices(None, subsets)}, and no default among them",
            mend=advise("subset", None, subsets),
        )
    if subsets == ["default"]:
        return RequestInvalid(
            f"{what}: no subset {subset!r}",
            why="the dataset has no subsets: all of it is the default one",
            mend="delete the line with subset",
        )
    return RequestInvalid(
        f"{what}: no subset {subset!r}",
        why=f"the dataset has the subsets {name_choices(subset, subsets)}",
        mend=advise("subset", subset, subsets),
    )


@dataclass(frozen=True, slots=True)
class Resolved:
    """A subset by name, its reader, and its files by split; files elsewhere as addresses."""

    subset: str
    reader: str
    files: dict[str, list[str]]


def _resolve(hub: Hub, hf_id: str, commit: str, subset: str | None) -> Resolved:
    """The files of a subset, as `datasets` resolves them."""
    import datasets
    from datasets.data_files import EmptyDatasetError
    from datasets.exceptions import DataFilesNotFoundError

    what = f"{hf_id}@{commit}"
    # If the Hub does not answer, `datasets` uses its cache, which may be of another commit. An
    # empty cache cannot mislead it.
    with TemporaryDirectory(prefix="hugflow-") as cache:
        try:
            builder = _ask_datasets(
                # Always by hf://: for a plain "org/name", a local folder of that name would be used first.
                lambda: datasets.load_dataset_builder(
                    f"hf://datasets/{hf_id}",
                    name=subset,
                    revision=commit,
                    token=hub.token,
                    cache_dir=cache,
                ),
                what,
            )
        except (EmptyDatasetError, DataFilesNotFoundError) as error:
            raise NotParquet(
                f"{what}: {_subset_words(subset)} is not published as parquet",
                why=one_line(str(error)),
                subset=None,
            ) from error
        except HugflowError:
            raise
        except Exception as error:
            subsets = _list_subsets(hub, hf_id, commit, cache)
            is_named = len(subsets) == 1 if subset is None else subset in subsets
            if subsets and not is_named:
                raise no_such_subset(what, subset, subsets) from error
            # The card is foreign text, so `datasets` may fail on it in any way.
            raise CardUnreadable(
                f"{what}: {_subset_words(subset)} cannot be resolved",
                why=one_line(str(error)),
                mend="set subset to one that the dataset's page lists, or choose another revision",
            ) from error
    files: dict[Any, Any] = builder.config.data_files or {}
    prefix = address_prefix(hf_id, commit)
    by_split = {
        str(split): [str(url).removeprefix(prefix) for url in urls] for split, urls in files.items()
    }
    reader = type(builder).__module__.rpartition(".")[2]
    return Resolved(str(builder.config.name), reader, by_split)


def _list_subsets(hub: Hub, hf_id: str, commit: str, cache: str) -> list[str]:
    """Names of all subsets; empty if `datasets` cannot list them."""
    import datasets

    def call() -> list[str]:
        return list(
            datasets.get_dataset_config_names(
                f"hf://datasets/{hf_id}", revision=commit, token=hub.token, cache_dir=cache
            )
        )

    try:
        return [str(name) for name in _ask_datasets(call, f"{hf_id}@{commit}")]
    except HugflowError:
        raise
    except Exception:  # noqa: BLE001  # the error at hand is the one to tell
        return []


def _ask_datasets(call: Callable[[], Any], what: str) -> Any:
    """The answer of `datasets`; if it hides an error of the Hub, that error is raised."""
    import datasets

    if datasets.config.HF_HUB_OFFLINE:
        raise offline(what)
    speak_through_our_log("datasets")
    # It would tell a host other than the Hub which datasets are read, private ones too.
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    try:
        return retry(call, what)
    except HugflowError:
        raise
    except Exception as error:
        fault = _fault_behind(error, what)
        if fault is not None:
            raise fault from error
        raise


def _fault_behind(error: Exception, what: str) -> HubUnavailable | NotAuthorised | None:
    """The Hub's error behind one of `datasets`, which says "not found" when the Hub is down."""
    behind: BaseException | None = error
    while behind is not None:
        # Each of the Hub's errors is caused by a bare status error, which says less.
        if isinstance(behind, HUB_ERRORS) and not isinstance(behind, httpx2.HTTPStatusError):
            fault = to_hugflow_error(behind, what)
            if isinstance(fault, HubUnavailable | NotAuthorised):
                return fault
        behind = behind.__cause__ or behind.__context__
    return None


def _subset_words(subset: str | None) -> str:
    return f"the subset {subset!r}" if subset else "the default subset"
