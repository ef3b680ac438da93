"""The commands `mix plan` and `mix write`: several datasets as one training set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hugflow.activity import step
from hugflow.amounts import count
from hugflow.cli.asked import read_project_requests
from hugflow.cli.builds import choose_statuses, entry_of, open_project
from hugflow.cli.options import AsJson
from hugflow.cli.output import print_data, print_json
from hugflow.cli.verbs import print_done
from hugflow.settings import ProjectSettings

if TYPE_CHECKING:
    from hugflow.corpus.mixture_file import Mixture
    from hugflow.corpus.mixtures import Chosen

app = typer.Typer(help="Mix datasets for training, as a file in mixtures/ says.")

_File = Annotated[Path, typer.Argument(metavar="FILE", help="mixtures/NAME.yaml")]


@app.command("plan", short_help="Show rows, hours and licences of a mixture.")
def plan(file: _File, as_json: AsJson = False) -> None:
    """Show what a mixture takes of each dataset, and what its datasets have in common."""
    project, mixture, chosen = _open(file)
    from collections import Counter

    from hugflow.statistics.overlaps import find_overlaps

    overlaps = Counter(each.kind for each in find_overlaps([each.table for each in chosen]))
    if as_json:
        print_json(
            {
                "datasets": _entries(project, chosen),
                "mixture": mixture.name,
                "seed": mixture.seed,
                "parts": [
                    {
                        "dataset": each.table.name,
                        "weight": each.part.weight,
                        "rows": len(each.places),
                        "hours": round(each.hours, 6),
                        "available_rows": each.available_rows,
                        "available_hours": round(each.available_hours, 6),
                        "licence": each.licence,
                    }
                    for each in chosen
                ],
                "hours": round(sum(each.hours for each in chosen), 6),
                "licences": sorted({each.licence or "unknown" for each in chosen}),
                "overlaps": dict(overlaps),
            }
        )
        return
    for each in chosen:
        print_data(
            f"{each.table.name}: {len(each.places):,} of {count(each.available_rows, 'row')}, "
            f"{each.hours:,.3f} of {each.available_hours:,.3f} hours, "
            f"licence {each.licence or 'unknown'}"
        )
    print_data(f"together: {sum(each.hours for each in chosen):,.3f} hours")
    for kind, number in overlaps.items():
        print_data(f"overlaps, {kind}: {number:,}; `hugflow overlaps` shows them")


@app.command("write", short_help="Write a mixture for NeMo, Lhotse and as parquet.")
def write(
    file: _File,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where to write. Default: beside the file."),
    ] = None,
    is_update: Annotated[
        bool, typer.Option("--update", help="Write it again where its datasets have changed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write NeMo's input_cfg and manifests, Lhotse's cuts, and the rows as one parquet file.

    The same seed and the same datasets give the same rows.
    """
    project, mixture, chosen = _open(file)
    from hugflow.corpus.mixtures import write_mixture
    from hugflow.stages.publishing.out_folder import refuse_out

    folder = out if out is not None else file.with_suffix("")
    refuse_out(project.places, folder)
    with step(f"writing {mixture.name}"):
        files = write_mixture(mixture, chosen, folder, update=is_update)
    if as_json:
        told = {"mixture": mixture.name, "files": [str(path) for path in files]}
        print_json({"datasets": _entries(project, chosen), **told})
        return
    for path in files:
        print_done("wrote", str(path), str(path))


def _open(file: Path) -> "tuple[ProjectSettings, Mixture, list[Chosen]]":
    project = open_project()
    from hugflow.corpus.mixture_file import read_mixture
    from hugflow.corpus.mixtures import choose_rows
    from hugflow.corpus.tables import read_tables

    mixture = read_mixture(file)
    chosen = choose_rows(mixture, read_tables(project.places), project.places)
    return project, mixture, chosen


def _entries(project: ProjectSettings, chosen: "list[Chosen]") -> list[dict[str, Any]]:
    requests = read_project_requests(project)
    names = list(dict.fromkeys(each.table.name for each in chosen))
    return [entry_of(status) for status in choose_statuses(project, requests, names)]
