"""The result of the steps over a whole dataset, and preparing the tree for them."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from hugflow.amounts import count
from hugflow.errors import RequestInvalid
from hugflow.late_dataclass import dataclass
from hugflow.shards.plan import Shard
from hugflow.stages.build.build import Build
from hugflow.stages.flowing.flow_index import rows_through, write_flow_indexes
from hugflow.stages.flowing.keep_rows import Kept, decide_kept, write_left_out
from hugflow.stages.flowing.resolved import ResolvedStep, read_step_versions
from hugflow.stages.flowing.run_steps import StepCount, made_rows, read_outcomes
from hugflow.stages.flowing.step_places import find_step_places, is_next, take_step_places
from hugflow.stages.tree.exchange import refuse_linked
from hugflow.stages.tree.flow_files import (
    ROWS,
    errors_file,
    flows_folder,
    has_steps,
    last_errors_file,
    made_index_file,
    made_rows_folder,
    next_errors_file,
)
from hugflow.stages.tree.manifest import KEEP, Manifest, ManifestFlows, ManifestStep
from hugflow.store.atomic import disk_errors, is_file, make_folder, sync_folder, write_if_changed
from hugflow.store.digest import file_sha256


@dataclass(frozen=True, slots=True)
class StepError:
    """A row at which a step failed."""

    row: int
    step: str
    message: str


@dataclass(frozen=True, slots=True)
class Flowed:
    """The finished steps of a dataset.

    record: for the manifest.
    rows: the rows that passed all steps.
    index: sha256 of each index with the steps' fields.
    left_out: rows that `keep` leaves out.
    """

    record: ManifestFlows
    errors: tuple[StepError, ...]
    rows: int
    index: dict[str, str]
    left_out: int = 0


def prepare_tree(build: Build) -> None:
    """Set the indexes of the made rows aside if the request has steps or `keep`.

    If it has neither any more, restore them and delete the steps' files. The caller holds the
    dataset's lock. Raises CannotWrite for a link in the place of one of these folders.
    """
    folder = build.folder
    for each in (flows_folder(folder), made_rows_folder(folder)):
        refuse_linked(build.places, each)
    if build.request.flows_digest is not None:
        if not has_steps(folder):
            _set_indexes_aside(build)
    elif has_steps(folder):
        _bring_indexes_back(build)


def prepare_tree_alone(build: Build) -> None:
    """The same under the dataset's lock, which is taken only if there is something to do."""
    if (build.request.flows_digest is not None) != has_steps(build.folder):
        with build.hold_dataset():
            prepare_tree(build)


def is_flowed_as_asked(build: Build, manifest: Manifest) -> bool:
    """Whether the published rows passed the request's present steps."""
    flows = manifest.flows
    return (flows.asked if flows is not None else None) == build.request.flows_digest


def has_other_code(build: Build, manifest: Manifest) -> bool:
    """Whether the published rows passed the request's steps with other code than is here now."""
    versions = read_step_versions(build)
    steps = manifest.flows.steps if manifest.flows is not None else ()
    return versions not in (None, [step.version for step in steps if step.flow != KEEP])


def find_unflowed(build: Build, steps: Sequence[ResolvedStep]) -> list[Shard]:
    """The shards with rows that the steps have not run over."""
    if not all(place.is_dir() for place in find_step_places(build, steps).values()):
        return list(build.shards)
    return [shard for shard in build.shards if not _is_flowed(build, shard, steps)]


def collect_flowed(
    build: Build,
    steps: Sequence[ResolvedStep],
    made_index: dict[str, str],
    before: Manifest | None,
    refuse: Callable[[int], None] = lambda errors: None,
    check: Callable[[Mapping[str, str]], None] = lambda index: None,
) -> Flowed:
    """Write the indexes with the steps' fields, and the list of failed rows.

    made_index: sha256 of each index of the made rows.
    before: the published manifest; unchanged indexes are not written again.
    refuse: called with the number of failed rows before an index is written; what it raises leaves
        the published indexes as they are.
    check: told the sha256 of the indexes by their paths before they are in place; as `refuse`.
    The steps of every shard must be done. Raises RequestInvalid where no row is left.
    """
    told: list[ManifestStep] = []
    errors: list[StepError] = []
    rows = 0
    for step in steps:
        kinds, size_bytes = {"out": 0, "dropped": 0, "error": 0}, 0
        for shard in build.shards:
            for row, flowed in sorted(read_outcomes(build, shard, step).items()):
                kinds[flowed.kind] += 1
                size_bytes += flowed.size_bytes
                if flowed.kind == "error":
                    errors.append(StepError(row, step.name, flowed.message))
        rows = kinds["out"]
        counted = StepCount(rows, kinds["dropped"], kinds["error"], bytes=size_bytes)
        told.append(describe_step(step, counted))
    places = find_step_places(build, steps)
    is_changed = any(is_next(build, place) for place in places.values())
    _write_errors(build, errors, is_next=is_changed)
    refuse(len(errors))
    _refuse_empty(build, told)
    kept = decide_kept(build)
    if kept is not None:
        through = {shard.name: rows_through(build, shard, steps) for shard in build.shards}
        before_keep = sum(map(len, through.values()))
        rows = sum(len(kept.rows_by_shard[name].intersection(of)) for name, of in through.items())
        told.append(_describe_keep(kept, rows, before_keep - rows))
        _refuse_empty(build, told)
    left_out = told[-1].dropped if kept is not None else 0
    asked = build.request.flows_digest or ""

    def settle(index: Mapping[str, str]) -> None:
        check(index)
        take_step_places(build, places)
        _write_errors(build, errors)

    if before is not None and before.flows is not None and _has_indexes(build, before):
        record = ManifestFlows(tuple(told), asked, made_index, before.flows.card_features)
        if record == before.flows:
            settle(before.index)
            _tidy(build, steps, kept)
            return Flowed(record, tuple(errors), rows, dict(before.index), left_out)
    written = write_flow_indexes(build, steps, places, kept, settle)
    _tidy(build, steps, kept)
    record = ManifestFlows(tuple(told), asked, made_index, tuple(written.card_features))
    return Flowed(record, tuple(errors), rows, written.digests, left_out)


def _tidy(build: Build, steps: Sequence[ResolvedStep], kept: Kept | None) -> None:
    """Leave beside the indexes what belongs to them, and nothing else."""
    write_left_out(build, kept)
    _delete_other_steps(build, steps)


def _refuse_empty(build: Build, told: Sequence[ManifestStep]) -> None:
    """Raise RequestInvalid where no row is left: such a folder does not load."""
    last = next((step for step in told if not step.rows), None)
    before = last.dropped + last.errors if last is not None else 0
    if last is None or not before:
        return
    if last.flow == KEEP:
        raise RequestInvalid(
            f"{build.name}: keep leaves out all rows that went through the steps",
            why=f"none of {count(before, 'row')} meets `{build.request.keep}`",
            mend="change keep in the request, or correct the steps",
        )
    if any(step.dropped for step in told):
        raise RequestInvalid(
            f"{build.name}: its steps leave out all rows, so it is not published",
            why=f"the step {last.name!r} left out {last.dropped:,} of {count(before, 'row')}",
            mend="correct the step or its config",
        )
    raise RequestInvalid(
        f"{build.name}: its steps fail at all rows, so it is not published",
        why=f"the step {last.name!r} failed at {last.errors:,} of {count(before, 'row')}: "
        f"{last_errors_file(build.folder)} says why",
        mend="correct the step or its config",
    )


def _describe_keep(kept: Kept, rows: int, dropped: int) -> ManifestStep:
    """The field `keep` as the last step, with its counts."""
    config = {"expression": kept.expression}
    version = hashlib.sha256(kept.expression.encode()).hexdigest()[:16]
    return ManifestStep(KEEP, KEEP, None, None, config, version, rows, dropped, 0)


def _has_indexes(build: Build, manifest: Manifest) -> bool:
    """Whether every index exists as the manifest says."""
    paths = {build.folder.root / name: digest for name, digest in manifest.index.items()}
    return all(is_file(path) and file_sha256(path) == digest for path, digest in paths.items())


def describe_step(step: ResolvedStep, count: StepCount) -> ManifestStep:
    """A step with its counts."""
    return ManifestStep(
        name=step.name,
        flow=step.local.dotted + (f"@{step.served_by}" if step.served_by is not None else ""),
        module=str(step.module.module) if step.module is not None else None,
        commit=step.module.commit if step.module is not None else None,
        config=step.step.config,
        version=step.version,
        rows=count.rows,
        dropped=count.dropped,
        errors=count.errors,
        bytes=count.bytes,
    )


def _is_flowed(build: Build, shard: Shard, steps: Sequence[ResolvedStep]) -> bool:
    """Whether every made row of a shard has an outcome in each step that it reached."""
    index = made_index_file(build.folder, shard.name)
    if not index.is_file():
        return True
    waiting = set(made_rows(index))
    for step in steps:
        outcomes = read_outcomes(build, shard, step)
        if not waiting <= outcomes.keys():
            return False
        waiting = {row for row in waiting if outcomes[row].kind == "out"}
    return True


def _set_indexes_aside(build: Build) -> None:
    """Give every index a second name, whole or not at all."""
    target = made_rows_folder(build.folder)
    unfinished = target.with_name(f"{ROWS}.tmp")
    with disk_errors(target):
        shutil.rmtree(unfinished, ignore_errors=True)
        make_folder(unfinished)
        for path in _indexes(build):
            try:
                os.link(path, unfinished / path.name)
            except OSError:
                shutil.copy2(path, unfinished / path.name)
        unfinished.rename(target)
    sync_folder(target.parent)


def _bring_indexes_back(build: Build) -> None:
    made = made_rows_folder(build.folder)
    with disk_errors(made):
        for path in sorted(made.glob("*.parquet")):
            place = build.folder.index / path.name
            again = place.with_name(f".{place.name}.tmp")
            again.unlink(missing_ok=True)
            shutil.copy2(path, again)
            again.replace(place)
        sync_folder(build.folder.index)
        shutil.rmtree(flows_folder(build.folder))


def _indexes(build: Build) -> Iterator[Path]:
    if build.folder.index.is_dir():
        yield from sorted(build.folder.index.glob("*.parquet"))


def _write_errors(build: Build, errors: Sequence[StepError], *, is_next: bool = False) -> None:
    """List the rows at which steps failed. is_next: those of steps that are not published yet."""
    lines = ({"row": error.row, "step": error.step, "message": error.message} for error in errors)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    later = next_errors_file(build.folder)
    if not is_next:
        later.unlink(missing_ok=True)
    write_if_changed(later if is_next else errors_file(build.folder), text)


def _delete_other_steps(build: Build, steps: Sequence[ResolvedStep]) -> None:
    """Delete files of steps that the request no longer has."""
    names = {step.name for step in steps} | {ROWS}
    for path in flows_folder(build.folder).iterdir():
        if path.name not in names and path.is_dir() and not path.is_symlink():
            with disk_errors(path):
                shutil.rmtree(path)
