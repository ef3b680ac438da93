"""Which files a subset and split have: the answer of `datasets` itself.

`datasets` is imported inside the functions, because it costs more than everything else together
and a command that goes on with a settled plan does without it.
"""

from typing import Any

import httpx2

from hugflow.clients.hub import Hub
from hugflow.clients.hub_errors import HUB_ERRORS, retry, to_hugflow_error
from hugflow.errors import HubUnavailable, HugflowError, RequestInvalid


def fetch_split_files(
    hub: Hub, hf_id: str, commit: str, subset: str | None, split: str
) -> tuple[str, ...]:
    """Paths of the files of one split, in the order in which `datasets` would read them.

    Raises RequestInvalid for a subset or split that is not there, for files outside this
    repository and commit (a card may name any address), and for layouts other than parquet.
    """
    what = f"{hf_id}@{commit}"
    splits = _resolve(hub, hf_id, commit, subset)
    if split not in splits:
        raise RequestInvalid(
            f"{what}: no split {split!r}",
            why=f"{_subset_words(subset)} has the splits {', '.join(sorted(splits)) or 'none'}",
            mend="set split to one of them",
        )
    prefix = f"hf://datasets/{hf_id}@{commit}/"
    foreign = [url for url in splits[split] if not url.startswith(prefix)]
    if foreign:
        raise RequestInvalid(
            f"{what}: the split {split!r} reaches outside its repository",
            why="its card names files of another repository, commit or host",
            mend="request the repository that holds the files",
        )
    paths = tuple(url.removeprefix(prefix) for url in splits[split])
    other = [path for path in paths if not path.endswith(".parquet")]
    if other or not paths:
        raise RequestInvalid(
            f"{what}: the split {split!r} is not published as parquet",
            why=f"it consists of files like {other[0]!r}" if other else "it has no files",
            mend="choose a revision that holds parquet files, such as refs/convert/parquet",
        )
    return paths


def _resolve(hub: Hub, hf_id: str, commit: str, subset: str | None) -> dict[str, list[str]]:
    """File addresses by split, as `datasets` resolves them for this subset."""
    import datasets

    what = f"{hf_id}@{commit}"

    def call() -> Any:
        # Always by hf://: a plain "org/name" would take a local folder of that name first.
        return datasets.load_dataset_builder(
            f"hf://datasets/{hf_id}", name=subset, revision=commit, token=hub.token
        )

    try:
        builder = retry(call, what)
    except HugflowError:
        raise
    except Exception as error:
        fault = _fault_behind(error, what)
        if fault is not None:
            raise fault from error
        # The card is a stranger's, and there is no telling what `datasets` makes of it.
        raise RequestInvalid(
            f"{what}: {_subset_words(subset)} cannot be resolved",
            why=_one_line(error),
            mend="set subset to one that the dataset's page lists, or choose another revision",
        ) from error
    files: dict[Any, Any] = builder.config.data_files or {}
    return {str(split): [str(url) for url in urls] for split, urls in files.items()}


def _fault_behind(error: Exception, what: str) -> HubUnavailable | None:
    """The Hub's fault that `datasets` made another error of: it says "not found" when it is down."""
    behind: BaseException | None = error
    while behind is not None:
        # A bare status error stands behind each of the Hub's own, which says what it means.
        if isinstance(behind, HUB_ERRORS) and not isinstance(behind, httpx2.HTTPStatusError):
            fault = to_hugflow_error(behind, what)
            if isinstance(fault, HubUnavailable):
                return fault
        behind = behind.__cause__ or behind.__context__
    return None


def _subset_words(subset: str | None) -> str:
    return f"the subset {subset!r}" if subset else "the default subset"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:400]
