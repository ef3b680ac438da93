"""Whether `datasets` loads a folder: tried in a child process, before the folder is published."""

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Final

from hugflow.amounts import count
from hugflow.errors import HugflowError
from hugflow.redact import in_a_line, without_secrets
from hugflow.stages.build.build import Build
from hugflow.stages.publishing.gate import Facts, GateResult
from hugflow.workers.channel import Bytes, Header
from hugflow.workers.child import Answer, AnswerQuestion
from hugflow.workers.pool import WorkerDied, WorkerFailed, WorkerPool

# Loading copies the index once; a folder that takes longer than this is of no use.
TIMEOUT_S: Final = 3600.0
_OFFLINE: Final = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
_MOST_WORDS: Final = 300


class FolderUnloadable(HugflowError):
    """`datasets` does not load the folder, or not as it was made."""


def judge_load(build: Build, rows: int) -> GateResult:
    """Whether `datasets.load_dataset` gives as many rows as the index has.

    build: with card and index in its folder. rows: of the index.
    """
    split = build.plan.card_split
    fault = _find_fault(build.folder.root, build.places.state_dir, split, rows)
    facts: Facts = {"loaded_rows": rows, "split": split}
    if fault is None:
        return GateResult("folder_loads", f"`datasets` loads its {count(rows, 'row')}", facts)
    error = FolderUnloadable(
        f"{build.name}: `datasets` does not load the folder, so it is not published",
        why=in_a_line(fault, _MOST_WORDS),
        mend="this is a fault of hugflow: report it with the dataset's name; VERIFY_LOAD=false "
        "publishes the folder without this check",
    )
    return GateResult("folder_loads", error.what, facts, error)


def _find_fault(folder: Path, scratch: Path, split: str, rows: int) -> str | None:
    """Why a folder does not load, in words; None if it does."""
    with tempfile.TemporaryDirectory(prefix="load-", dir=scratch) as cache:
        environment = {**without_secrets(os.environ), **_OFFLINE, "HF_DATASETS_CACHE": cache}
        with WorkerPool(partial(_prepare, str(folder), split), environment=environment) as workers:
            try:
                answer = workers.ask({}, doing="load the folder", timeout_s=TIMEOUT_S)
            except (WorkerDied, WorkerFailed) as error:
                return f"{error.what}: {error.why}"
    if "fault" in answer:
        return str(answer["fault"])
    if answer["rows"] != rows:
        return f"it gives {answer['rows']:,} rows, where the index has {rows:,}"
    return None


def _prepare(folder: str, split: str) -> AnswerQuestion:
    """In the child process: give the function that loads the folder."""
    return partial(_load, folder, split)


def _load(folder: str, split: str, header: Header, data: Bytes) -> Answer:
    import datasets

    try:
        loaded = datasets.load_dataset(folder, split=split)
        # The features are applied to a row only when it is read.
        _ = loaded[0], loaded[len(loaded) - 1]
    except Exception as error:  # noqa: BLE001  # whatever it is, a user would meet it too
        return Answer({"fault": f"{type(error).__name__}: {error}"})
    return Answer({"rows": len(loaded)})
