"""All datasets in a table: state, rows, hours, bytes, licence, commit and owner, with totals."""

from collections.abc import Mapping, Sequence

from hugflow.late_dataclass import dataclass
from hugflow.stages.standing.status import to_status
from hugflow.stages.standing.stored import list_names
from hugflow.stages.tree.stored_dataset import glance_at_dataset
from hugflow.store.layout import Places


@dataclass(frozen=True, slots=True)
class OverviewLine:
    """One dataset, or one request file that is refused.

    state: of the dataset, or its note where it has one, such as `refused`.
    licence, commit: of the plan; None before a plan. owner: of the request.
    """

    dataset: str
    state: str
    rows: int
    failed_rows: int
    hours: float
    bytes: int
    licence: str | None
    commit: str | None
    owner: str | None


def read_overview(
    places: Places, owner_by_name: Mapping[str, str | None], refused: Sequence[str] = ()
) -> list[OverviewLine]:
    """A line for every requested, planned or stored dataset, and for every refused file, by name.

    owner_by_name: the requests, by the name of their dataset. refused: paths of request files.
    """
    names = sorted({*owner_by_name, *list_names(places)})
    lines = [_read_line(places, name, owner_by_name.get(name)) for name in names]
    return lines + [
        OverviewLine(path, "refused", 0, 0, 0.0, 0, None, None, None) for path in sorted(refused)
    ]


def _read_line(places: Places, name: str, owner: str | None) -> OverviewLine:
    stored = glance_at_dataset(places, name)
    status = to_status(places, stored)
    known = stored.plan or stored.manifest
    has_note = status.note is not None and status.state != "completed"
    return OverviewLine(
        dataset=name,
        state=str(status.note) if has_note else status.state,
        rows=status.rows,
        failed_rows=status.failed_rows,
        hours=status.hours,
        bytes=status.bytes,
        licence=known.licence if known is not None else None,
        commit=status.commit,
        owner=owner,
    )
