"""A repository's own data to its input folder: all of it, or nothing.

    input/meta.json                     what was pulled (`record`)
    input/<source>/<name>.json

Every file is read before the first one is written. A file that is the same is not written again,
and a file that an earlier pull wrote, and that no source names any more, is removed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path

from hugflow.activity import step
from hugflow.amounts import count
from hugflow.errors import UsageWrong
from hugflow.hierarchy.errors import PullError, UnsafeLocationError
from hugflow.hierarchy.load import Project, load_project
from hugflow.hierarchy.pulling.read_source import Failure, read_source, source_folder
from hugflow.hierarchy.pulling.record import (
    PulledSource,
    PullRecord,
    digest_of,
    read_record,
    record_path,
    render_record,
    source_hash,
)
from hugflow.hierarchy.readers.google_sheets import GoogleSheets
from hugflow.hierarchy.storage import stored_files
from hugflow.late_dataclass import dataclass
from hugflow.nearest import nearest_name
from hugflow.store.atomic import (
    commit,
    discard,
    make_folder,
    read_file,
    write_file,
    write_temporary,
)

MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class PullReport:
    """What a pull did, as paths relative to the input folder; of a check, what it would do.

    kept: files of an earlier pull that no source names any more, but that were changed since.
    """

    written: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def is_current(self) -> bool:
        """Whether nothing was written or removed."""
        return not self.written and not self.removed


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be written and removed; record: None if it stays as it is."""

    report: PullReport
    data_by_path: Mapping[Path, bytes] = field(default_factory=dict)
    removed: tuple[Path, ...] = ()
    record: bytes | None = None


def pull(
    path: str | Path = ".",
    sources: Sequence[str] | None = None,
    *,
    google: GoogleSheets | None = None,
    now: datetime | None = None,
) -> PullReport:
    """Store the own data of a project's sources; of all sources if none are named.

    google: where Google's sheets are exported from, and as whom.
    Raises PullError, which names every file that could not be read; then nothing was written.
    """
    project = load_project(path)
    plan = _plan(project, sources, google or GoogleSheets(), now or datetime.now(UTC))
    for folder in {target.parent for target in (*plan.data_by_path, *plan.removed)}:
        _refuse_outside(project, folder)
    staged = []
    try:
        for target, data in plan.data_by_path.items():
            make_folder(target.parent)
            staged.append(write_temporary(target, data))
    except BaseException:
        discard(staged)
        raise
    commit(staged)
    for target in plan.removed:
        target.unlink(missing_ok=True)
        if target.parent != project.input and not any(target.parent.iterdir()):
            target.parent.rmdir()
    if plan.record is not None:
        write_file(record_path(project), plan.record)
    return plan.report


def check_pull(
    path: str | Path = ".",
    sources: Sequence[str] | None = None,
    *,
    google: GoogleSheets | None = None,
) -> PullReport:
    """What a pull would do; nothing is written."""
    project = load_project(path)
    return _plan(project, sources, google or GoogleSheets(), datetime.now(UTC)).report


def find_stale(project: Project) -> list[str]:
    """Why the stored data is not what the configuration asks for; nothing is fetched.

    A line for each source that was never pulled or whose configuration has changed since, and for
    each file that is missing or was changed by hand. A source without files of its own needs none.
    """
    record = read_record(record_path(project))
    stale: list[str] = []
    for name, source in project.config.sources.items():
        pulled = record.sources.get(name)
        if pulled is None:
            if source.files_list or source.files_dict:
                stale.append(f"{name} was never pulled")
            continue
        if pulled.hash != source_hash(project, name):
            stale.append(f"{name}: its configuration has changed since it was pulled")
        for file, digest in pulled.files.items():
            stored = _read_stored(source_folder(project, name) / file)
            if stored is None or digest_of(stored) != digest:
                what = "is missing" if stored is None else "was changed by hand"
                stale.append(f"{name}: {file} {what}")
    return stale


def _plan(
    project: Project, sources: Sequence[str] | None, google: GoogleSheets, now: datetime
) -> _Plan:
    chosen = _choose(project, sources)
    for name in chosen:
        stored_files(project, name)  # raises for names that clash, before anything is read
    before = read_record(record_path(project))
    read = {}
    for name in chosen:
        with step(f"reading source {name}"):
            read[name] = read_source(project, name, google, before.sources.get(name), now)
    failures = [failure for each in read.values() for failure in each.failures]
    if failures:
        raise _pull_error(project, failures)
    data_by_path: dict[Path, bytes] = {}
    written: list[str] = []
    unchanged: list[str] = []
    for name, each in read.items():
        for file, data in each.data_by_file.items():
            target = source_folder(project, name) / file
            is_same = _read_stored(target) == data
            (unchanged if is_same else written).append(f"{name}/{file}")
            if not is_same:
                data_by_path[target] = data
    after = {
        name: PulledSource(
            source_hash(project, name),
            {file: digest_of(data) for file, data in each.data_by_file.items()},
            each.modified,
        )
        for name, each in read.items()
        if each.data_by_file or name in before.sources
    }
    others = {
        name: pulled
        for name, pulled in before.sources.items()
        if name not in chosen and (sources is not None or name in project.config.sources)
    }
    record = PullRecord({**others, **after}, now)
    removed, kept = _find_gone(project, before, record)
    report = PullReport(
        tuple(sorted(written)), tuple(sorted(unchanged)), tuple(removed), tuple(kept)
    )
    paths = tuple(project.input / each for each in removed)
    is_same = report.is_current and _to_state(record) == _to_state(before)
    return _Plan(report, data_by_path, paths, None if is_same else render_record(project, record))


def _to_state(record: PullRecord) -> dict[str, tuple[str, dict[str, str]]]:
    """What a record says of the data; times alone do not make it another."""
    return {name: (each.hash, dict(each.files)) for name, each in record.sources.items()}


def _choose(project: Project, sources: Sequence[str] | None) -> list[str]:
    known = project.config.sources
    for name in sources or ():
        if name not in known:
            near = nearest_name(name, known)
            raise UsageWrong(
                f"there is no source {name!r}",
                why=f"{project.config_file.name} has {', '.join(known) or 'none'}",
                mend=f"did you mean {near}?" if near else "name one of them, or none for all",
            )
    return list(known) if sources is None else list(dict.fromkeys(sources))


def _find_gone(
    project: Project, before: PullRecord, after: PullRecord
) -> tuple[list[str], list[str]]:
    """The files of an earlier pull that are not asked for any more: to remove, and to keep."""
    removed: list[str] = []
    kept: list[str] = []
    for name, pulled in before.sources.items():
        asked = after.sources[name].files if name in after.sources else {}
        for file, digest in pulled.files.items():
            if file in asked or "/" in file or file in ("", ".", ".."):
                continue
            stored = _read_stored(source_folder(project, name) / file)
            if stored is not None:
                (removed if digest_of(stored) == digest else kept).append(f"{name}/{file}")
    return sorted(removed), sorted(kept)


def _read_stored(path: Path) -> bytes | None:
    """The bytes of a stored file; None if there is none."""
    try:
        return read_file(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _refuse_outside(project: Project, folder: Path) -> None:
    """Raise UnsafeLocationError if a link leads a folder out of the repository."""
    if not folder.resolve().is_relative_to(project.root.resolve()):
        raise UnsafeLocationError(
            f"{folder} is a link out of the repository",
            why="a repository's own data is stored inside it",
            mend="delete the link",
        )


def _pull_error(project: Project, failures: Sequence[Failure]) -> PullError:
    """The error that names the failures; its exit code is theirs, if they have one in common."""
    lines = [failure.line for failure in failures[:MOST_SHOWN]]
    if len(failures) > MOST_SHOWN:
        lines.append(f"and {len(failures) - MOST_SHOWN} more")
    error = PullError(
        f"{count(len(failures), 'file')} could not be pulled, so nothing was written",
        why="; ".join(lines),
        mend="correct each of them, then pull again",
        file=project.config_file.name,
    )
    error.failures = tuple(failure.line for failure in failures)
    codes = {failure.exit_code for failure in failures}
    error.exit_code = codes.pop() if len(codes) == 1 else PullError.exit_code
    return error
