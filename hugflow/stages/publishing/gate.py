"""The gate: the checks that a dataset must pass before it is published.

Each check gives a result, with the name of the check in the web UI. A failed result prevents
publishing.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import field
from itertools import chain, islice
from typing import Literal, TypeAlias

from hugflow.amounts import count
from hugflow.audio.bad import AudioBad
from hugflow.audio.isolated import IsolatedFindFaults
from hugflow.audio.sound import FindFaults, find_faults
from hugflow.errors import HugflowError, RequestInvalid, StageMissing, TooManyBadRows
from hugflow.late_dataclass import dataclass
from hugflow.ledger.journal import RowFailed
from hugflow.ledger.stages import NEEDED_TO_PUBLISH
from hugflow.names import info_names
from hugflow.requests.grammar import BadRowBudget, allowed_bad_rows
from hugflow.requests.policy import PolicyRefuses, refuse_plan, refuse_request
from hugflow.stages.build.build import Build, rows_by_shard
from hugflow.stages.publishing.tree_files import (
    Markers,
    count_made,
    count_unmatched,
    name_unmatched,
)
from hugflow.stages.tree.flow_files import last_errors_file
from hugflow.store.atomic import read_file

MOST_CODES = 5
MOST_NAMED = 10
# Decoding a clip takes as long as a `stat` of a thousand files.
SAMPLED_ROWS = 16
# Decoding more would be felt in a dataset of few long clips.
SAMPLED_S = 120.0

Facts: TypeAlias = Mapping[str, int | float | str]
VerdictName = Literal[
    "rows_complete",
    "bad_rows_in_budget",
    "policy_allows",
    "audio_decodes",
    "folder_loads",
    "commit_is_planned",
    "link_stands",
]


class ClipsUnsound(HugflowError):
    """MP3s of the dataset differ from their records."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """The result of one check: in words, with its figures.

    error: why the dataset must not be published; None if the check passed.
    """

    name: VerdictName
    what: str
    facts: Facts = field(default_factory=dict)
    error: HugflowError | None = None

    @property
    def is_passed(self) -> bool:
        """Whether the check passed."""
        return self.error is None


def judge(
    build: Build,
    markers: Markers,
    failed: Sequence[RowFailed],
    budget: BadRowBudget,
    errors: int = 0,
) -> Iterator[GateResult]:
    """Check a dataset whose shards are all done, one check after the other.

    failed: the rows that could not be made. errors: how many more row steps failed at. budget: how
    many of both are allowed.
    """
    yield judge_rows(build, markers)
    yield judge_bad_rows(build, failed, budget, errors)
    yield judge_policy(build)
    yield judge_audio(build, failed)


def judge_rows(build: Build, markers: Markers) -> GateResult:
    """Whether each planned row was made, or failed for a recorded reason."""
    name: VerdictName = "rows_complete"
    wrong = [
        shard.name
        for shard, rows in zip(build.shards, rows_by_shard(build), strict=True)
        for marker in (markers[stage][shard.name] for stage in NEEDED_TO_PUBLISH)
        if marker.rows + len(marker.failed_rows) != len(rows)
    ]
    planned = _count_rows(build)
    made = count_made(markers)
    facts: Facts = {"planned_rows": planned, "made_rows": made, "shards": len(build.shards)}
    if not planned:
        no_rows = RequestInvalid(
            f"{build.name}: it has no rows, so it is not published",
            why="none of its files holds a row",
            mend="choose another split or revision",
        )
        return GateResult(name, no_rows.what, facts, no_rows)
    if not wrong:
        what = f"all {planned:,} planned rows are accounted for"
        if unmatched := count_unmatched(build):
            facts = {**facts, "unmatched_rows": unmatched}
            what += f"; {unmatched:,} more rows of the tables have no clip in the archives"
            if named := name_unmatched(build, markers):
                what += f", such as {', '.join(named)}"
        return GateResult(name, what, facts)
    error = StageMissing(
        f"{build.name}: rows of {', '.join(dict.fromkeys(wrong[:MOST_NAMED]))} are missing",
        why="a shard's marker counts other rows than were planned",
        mend="run the same command again: only what is missing is made",
    )
    return GateResult(name, error.what, facts, error)


def judge_bad_rows(
    build: Build, failed: Sequence[RowFailed], budget: BadRowBudget, errors: int = 0
) -> GateResult:
    """Whether no more rows failed than the budget allows, and not all of them.

    errors: rows that failed in a step.
    """
    rows, plan = _count_rows(build), build.plan
    if errors and errors + len(failed) > allowed_bad_rows(budget, rows):
        return _judge_errors(build, failed, budget, errors)
    allowed = allowed_bad_rows(budget, rows)
    facts: Facts = {
        "failed_rows": len(failed),
        "allowed_rows": allowed,
        "max_bad_rows": str(budget),
    }
    # Without rows there is no index, and `datasets` cannot read the folder.
    is_none_made = 0 < rows <= len(failed)
    if len(failed) <= allowed and not is_none_made:
        what = f"{len(failed):,} of {count(rows, 'row')} failed; {budget} allows {allowed:,}"
        return GateResult("bad_rows_in_budget", what, facts)
    # No path: a reader of the pull request could not open it.
    causes = f"{_count_codes(failed)}; `hugflow logs {build.name}` shows them"
    if is_none_made and plan.audio_column is not None:
        error = TooManyBadRows(
            f"{build.name}: Audio column exists but no audio files extracted",
            why=f"not one of the {rows} values in the column {plan.audio_column!r} could be made "
            f"into an MP3: {causes}",
            mend="set audio_column to the column that holds the audio, or another subset or "
            "revision; when the rows are fixed, run the same command again",
        )
    elif is_none_made:
        error = TooManyBadRows(
            f"{build.name}: not one row could be made, so it is not published",
            why=f"of {count(rows, 'row')} all failed: {causes}",
            mend="choose another subset or revision, or report it to the dataset's owner",
        )
    else:
        error = TooManyBadRows(
            f"{build.name}: {len(failed):,} of {count(rows, 'row')} could not be made, "
            "so it is not published",
            why=f"max_bad_rows is {budget}, which allows {allowed}: {causes}",
            mend="set max_bad_rows higher, or report it to the dataset's owner; the next run tries "
            "only these rows again",
        )
    return GateResult("bad_rows_in_budget", error.what, facts, error)


def _judge_errors(
    build: Build, failed: Sequence[RowFailed], budget: BadRowBudget, errors: int
) -> GateResult:
    """The result on a dataset whose row steps failed at too many rows."""
    rows, bad = _count_rows(build), errors + len(failed)
    allowed = allowed_bad_rows(budget, rows)
    facts: Facts = {"failed_rows": bad, "allowed_rows": allowed, "max_bad_rows": str(budget)}
    error = TooManyBadRows(
        f"{build.name}: {bad:,} of {count(rows, 'row')} are bad, so it is not published",
        why=f"max_bad_rows is {budget}, which allows {allowed}: its steps failed at {errors}"
        f"{_first_error(build)}; "
        f"{last_errors_file(build.folder).relative_to(build.folder.root.parent)} names them",
        mend="correct the step, or set max_bad_rows higher; the next run tries only these rows again",
    )
    return GateResult("bad_rows_in_budget", error.what, facts, error)


def _first_error(build: Build) -> str:
    """The first row of the list of errors in words; empty if it cannot be read."""
    try:
        with last_errors_file(build.folder).open(encoding="utf-8") as file:
            first = json.loads(file.readline())
            return f", first {first['step']} at row {first['row']}: {first['message'][:300]}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def judge_policy(build: Build) -> GateResult:
    """Whether the policy allows the dataset's licence, size and owner."""
    plan, policy = build.plan, build.options.policy
    facts: Facts = {
        "licence": plan.licence or "none given",
        "allowed_licences": ", ".join(policy.licences) if policy.licences else "any",
        "source_bytes": plan.source_bytes,
        "owner": build.request.owner or "none given",
    }
    try:
        refuse_request(policy, build.name, build.request.owner, build.request.publish_to)
        refuse_plan(policy, build.name, plan.licence, plan.source_bytes)
    except PolicyRefuses as error:
        return GateResult("policy_allows", error.what, facts, error)
    return GateResult("policy_allows", f"licence {facts['licence']}", facts)


def judge_audio(build: Build, failed: Sequence[RowFailed]) -> GateResult:
    """Whether some MP3s, spread over all rows, decode to the length in their JSON."""
    name: VerdictName = "audio_decodes"
    if build.plan.audio_column is None:
        return GateResult(name, "there is no audio column")
    unsound: list[int] = []
    decoded, seconds = 0, 0.0
    with closing(IsolatedFindFaults()) as isolated:
        for row in _begin_spread(_choose_rows(build, {bad.row for bad in failed})):
            length_s = _find_length(build, row, isolated)
            decoded, seconds = decoded + 1, seconds + (length_s or 0.0)
            if length_s is None:
                unsound.append(row)
            if seconds > SAMPLED_S:
                break
    facts: Facts = {"decoded": decoded, "seconds": round(seconds, 3), "unsound": len(unsound)}
    if not unsound:
        what = f"{decoded} clips, spread over all rows, decode to their recorded lengths"
        return GateResult(name, what, facts)
    error = ClipsUnsound(
        f"{build.name}: of {decoded} clips {len(unsound)} differ from their records",
        why=f"the MP3s of the rows {', '.join(map(str, sorted(unsound)[:MOST_NAMED]))} do not decode to "
        "the length in their JSON",
        mend=f"`hugflow verify {build.name} --deep` finds all of them; delete these files, and run "
        "the same command again",
    )
    return GateResult(name, error.what, facts, error)


def _choose_rows(build: Build, failed: set[int]) -> Iterator[int]:
    """Some rows that were made, evenly spread."""
    step = max(1, _count_rows(build) // SAMPLED_ROWS)
    rows = chain.from_iterable(rows_by_shard(build))
    while some := list(islice(rows, step)):
        if (row := next((row for row in some if row not in failed), None)) is not None:
            yield row


def _begin_spread(rows: Iterable[int]) -> list[int]:
    """In an order whose first rows are spread over all of them, too: by bits of the place, reversed."""
    placed = sorted((f"{place:032b}"[::-1], row) for place, row in enumerate(rows))
    return [row for _, row in placed]


def _count_rows(build: Build) -> int:
    """The number of rows to make; all shards are done, so all are counted."""
    return sum(map(len, rows_by_shard(build)))


def _find_length(build: Build, row: int, isolated: IsolatedFindFaults) -> float | None:
    """Seconds of a row's clips; None when one does not decode to the length in the row's JSON."""
    seconds = 0.0
    try:
        value = json.loads(read_file(build.folder.json / f"{row}.json"))
        for name in info_names(build.plan.all_audio):
            info = value[name]
            rate, samples = info["sampling_rate"], info["num_samples"]
            # An MP3 that was not copied comes from LAME and does not crash a decoder.
            find: FindFaults = isolated if info["copied"] else find_faults
            if find(build.folder.root / info["path"], sampling_rate=rate, num_samples=samples):
                return None
            seconds += samples / rate
    except (AudioBad, OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return seconds


def _count_codes(failed: Sequence[RowFailed]) -> str:
    """`16 path_refused (row 1: the path leads out of the repository), 2 audio_empty`."""
    counts = Counter(row.code for row in failed).most_common(MOST_CODES)
    first = failed[0]
    words = [f"{count} {code}" for code, count in counts]
    return f"{', '.join(words)} (row {first.row}: {first.message})"
