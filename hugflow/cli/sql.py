"""The command `sql`: a query over all stored datasets."""

from typing import Annotated

import typer

from hugflow.activity import step
from hugflow.amounts import count
from hugflow.cli.builds import open_project
from hugflow.cli.options import AsJson
from hugflow.cli.output import print_data, print_json

_MOST_SHOWN = 1_000


def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="A SELECT of SQL.")],
    as_json: AsJson = False,
) -> None:
    """Run a SQL query over the indexes of all complete datasets.

    Each dataset is a table of its name; `all_rows` has the rows of all, with dataset, row, text,
    speaker, duration and the figures of quality. `show tables` lists them.

        hugflow sql "select dataset, count(*), sum(duration)/3600 from all_rows group by dataset"
    """
    project = open_project()
    from hugflow.corpus.query import json_rows, run_query
    from hugflow.corpus.query_text import show_table
    from hugflow.corpus.tables import read_tables
    from hugflow.native_talk import native_talk_in_log

    # Polars reports a panic by itself, in the words of its source.
    with step("asking all datasets"), native_talk_in_log():
        found = run_query(query, read_tables(project.places))
    if as_json:
        print_json({"columns": found.columns, "rows": json_rows(found)})
        return
    print_data(show_table(found, _MOST_SHOWN))
    if len(found) > _MOST_SHOWN:
        print_data(f"{count(len(found), 'row')}; --json prints all of them")
