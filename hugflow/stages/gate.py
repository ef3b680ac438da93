"""The gate: whether so few rows failed that a dataset may be published."""

from hugflow.errors import TooManyBadRows
from hugflow.requests.grammar import BadRowBudget, allowed_bad_rows
from hugflow.stages.build import Build


def refuse_bad_rows(build: Build, failed: int, budget: BadRowBudget) -> None:
    """Raise TooManyBadRows when more rows failed than the budget allows."""
    rows, plan = build.plan.rows, build.plan
    allowed = allowed_bad_rows(budget, rows)
    if failed <= allowed:
        return
    if failed == rows and plan.audio_column is not None:
        raise TooManyBadRows(
            f"{build.name}: Audio column exists but no audio files extracted",
            why=f"not one of the {rows} values in the column {plan.audio_column!r} could be made "
            f"into an MP3; {build.folder.failures} says why for each",
            mend="set audio_column to the column that holds the audio, or another subset or "
            "revision; when the rows are mended, run the same command again",
        )
    raise TooManyBadRows(
        f"{build.name}: {failed} of {rows} rows could not be made, so it is not published",
        why=f"max_bad_rows is {budget}, which allows {allowed}; {build.folder.failures} names them",
        mend="run the same command again to try only those rows, or set max_bad_rows higher",
    )
