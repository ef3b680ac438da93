"""The gate: whether so few rows failed that a dataset may be published."""

from collections import Counter
from collections.abc import Sequence

from hugflow.errors import TooManyBadRows
from hugflow.ledger.journal import RowFailed
from hugflow.requests.grammar import BadRowBudget, allowed_bad_rows
from hugflow.stages.build import Build

MOST_CODES = 5


def refuse_bad_rows(build: Build, failed: Sequence[RowFailed], budget: BadRowBudget) -> None:
    """Raise TooManyBadRows when more rows failed than the budget allows."""
    rows, plan = build.plan.rows, build.plan
    allowed = allowed_bad_rows(budget, rows)
    if len(failed) <= allowed:
        return
    causes = f"{_count_codes(failed)}; {build.folder.failures} names them"
    if len(failed) == rows and plan.audio_column is not None:
        raise TooManyBadRows(
            f"{build.name}: Audio column exists but no audio files extracted",
            why=f"not one of the {rows} values in the column {plan.audio_column!r} could be made "
            f"into an MP3: {causes}",
            mend="set audio_column to the column that holds the audio, or another subset or "
            "revision; when the rows are mended, run the same command again",
        )
    raise TooManyBadRows(
        f"{build.name}: {len(failed)} of {rows} rows could not be made, so it is not published",
        why=f"max_bad_rows is {budget}, which allows {allowed}: {causes}",
        mend="set max_bad_rows higher, or tell the dataset's owner; the next run tries only these "
        "rows again",
    )


def _count_codes(failed: Sequence[RowFailed]) -> str:
    """`16 path_refused (row 1: the path leads out of the repository), 2 audio_empty`."""
    counts = Counter(row.code for row in failed).most_common(MOST_CODES)
    first = failed[0]
    words = [f"{count} {code}" for code, count in counts]
    return f"{', '.join(words)} (row {first.row}: {first.message})"
