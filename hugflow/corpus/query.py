"""SQL over all stored datasets, by Polars."""

import re
from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from hugflow.errors import UsageWrong
from hugflow.redact import in_a_line
from hugflow.rows.record import column_values
from hugflow.statistics.tables import Table, flat

ALL_ROWS = "all_rows"
# Polars takes `drop table` and the like as well, and forgets their effect.
_READS: Final = re.compile(
    r"(?>\s|\(|--[^\n]*\n|/\*.*?\*/)*+(select|with|show|explain|from|values)\b",
    re.IGNORECASE | re.DOTALL,
)


def run_query(query: str, tables: Sequence[Table]) -> pl.DataFrame:
    """The result of a query. Each dataset is a table of its name, and `all_rows` has all of them.

    Names with other signs than letters, digits and `_` stand in double quotes. Nothing is read
    before it is needed. Raises UsageWrong for a query that cannot be run.
    """
    if _READS.match(query) is None:
        raise UsageWrong(
            "the query cannot be run: it does not begin with SELECT",
            why="datasets are only read: SELECT, WITH, FROM, VALUES, SHOW and EXPLAIN",
            mend="`hugflow remove` removes a dataset, and `keep` in a request leaves rows out",
        )
    frames = {table.name: table.scan() for table in tables}
    if tables:
        frames[ALL_ROWS] = pl.concat([flat(table) for table in tables])
    try:
        with pl.SQLContext(frames=frames, eager=False) as context:
            return context.execute(query).collect(engine="streaming")
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        names = [f'"{name}"' for name in sorted(frames)[:5]]
        raise UsageWrong(
            f"the query cannot be run: {in_a_line(str(error), 200)}",
            why=f"the tables are {', '.join(names) or 'none: no dataset is complete'}"
            + (" and more" if len(frames) > len(names) else ""),
            mend='`hugflow sql "show tables"` lists them; put their names in double quotes',
        ) from error
    except pl.exceptions.PanicException as error:
        # No Exception: Polars ends so at values it did not foresee, as a date of the year 5,000,000.
        raise UsageWrong(
            f"the query cannot be run: {in_a_line(str(error), 200)}",
            why="Polars, which runs it, cannot compute this of a value in the tables",
            mend="ask for the column as it is, without functions and casts, or leave it out",
        ) from error


def json_rows(found: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows of a result, ready for strict JSON, with values as in a row's JSON.

    Polars itself writes no JSON of bytes, and the audio column has a field of bytes.
    """
    columns = [column_values(column.combine_chunks()) for column in found.to_arrow().columns]
    return [dict(zip(found.columns, row, strict=True)) for row in zip(*columns, strict=True)]
