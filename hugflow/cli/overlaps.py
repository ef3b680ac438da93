"""The command `overlaps`: what several datasets have in common."""

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from hugflow.activity import step
from hugflow.amounts import count
from hugflow.cli.asked import read_project_requests
from hugflow.cli.builds import choose_statuses, entry_of, open_project
from hugflow.cli.completion import complete_name
from hugflow.cli.options import EXIT_DIFFERENT, AsJson
from hugflow.cli.output import print_data, print_json, print_talk, print_warning
from hugflow.errors import UsageWrong, show_fix

if TYPE_CHECKING:
    from hugflow.statistics.overlaps import Overlap

_MOST_SHOWN = 5


def overlaps(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Datasets.", autocompletion=complete_name),
    ] = None,
    is_index_only: Annotated[
        bool, typer.Option("--index-only", help="Leave out fingerprints; decode nothing.")
    ] = False,
    is_check: Annotated[
        bool, typer.Option("--check", help="End with exit code 3 where something is found.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what datasets have in common: audio, text and speakers.

    Without names, all complete datasets are compared; a named one that is not complete is told,
    and ends --check with exit code 1. The same samples, texts and speakers are
    found by the indexes; the same sound, encoded again or trimmed, by fingerprints of the MP3s,
    which are kept for the next time.
    """
    project = open_project()
    statuses = choose_statuses(project, read_project_requests(project), names)
    chosen = [status.name for status in statuses] if names else None
    from hugflow.corpus.compare import compare_tables
    from hugflow.corpus.tables import list_incomplete, not_compared, read_tables

    tables = read_tables(project.places, chosen)
    left_out = list_incomplete(project.places, chosen or ())
    with step(f"comparing {count(len(tables), 'dataset')}"):
        compared = compare_tables(
            tables,
            None if is_index_only else project.places.fingerprints,
            project.settings.workers,
        )
    if as_json:
        names_of_tables = [table.name for table in tables]
        print_json(
            {
                "datasets": [entry_of(each) for each in statuses if each.name in names_of_tables],
                "names": names_of_tables,
                "not_compared": left_out,
                "compared": list(compared.kinds),
                "counts": dict(Counter(each.kind for each in compared.overlaps)),
                "overlaps": [asdict(each) for each in compared.overlaps],
            }
        )
    else:
        _print_table(compared.overlaps, len(tables))
    if compared.obstacle is not None:
        _tell(compared.obstacle)
    is_found = is_check and bool(compared.overlaps)
    if left_out:
        missing = not_compared(left_out)
        if is_check and not is_found:
            raise missing
        print_warning(str(missing))
    if is_found:
        raise typer.Exit(EXIT_DIFFERENT)


def _tell(obstacle: UsageWrong) -> None:
    print_talk(f"{obstacle.what}\n  {show_fix(obstacle.mend)}")


def _print_table(found: "list[Overlap]", tables: int) -> None:
    groups: dict[tuple[str, str, str], list[Overlap]] = {}
    for each in found:
        groups.setdefault((each.kind, each.dataset, each.other_dataset), []).append(each)
    for (kind, dataset, other), members in groups.items():
        where = f"twice in {dataset}" if dataset == other else f"in {dataset} and {other}"
        print_data(f"{kind}: {len(members):,} {where}")
        for each in members[:_MOST_SHOWN]:
            value = f"  {each.value!r}" if each.value is not None else ""
            print_data(f"  row {each.row} and row {each.other_row}{value}")
        if len(members) > _MOST_SHOWN:
            print_data(f"  and {len(members) - _MOST_SHOWN:,} more: --json lists all")
    if not found:
        print_data(f"no overlaps in {count(tables, 'dataset')}")
