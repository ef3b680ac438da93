"""The `serve:` list of a project file: what is declared is served, and nothing else is touched.

A declared endpoint that is no longer in the list is unserved: its instances keep answering. Nothing
is deleted here, and an endpoint that a person served by a command stays as it is.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hugflow.errors import HugflowError
from hugflow.flows.project_key import ServeEntry
from hugflow.serving import bucket
from hugflow.serving.records import Served
from hugflow.serving.serving import new_endpoint, unserve_flow
from hugflow.serving.subjects import DEFAULT_DISPATCH_POINT, is_name

if TYPE_CHECKING:
    from hugflow.serving.colink import CoLink

log = logging.getLogger(__name__)

FindIds = Callable[[Sequence[str] | None], tuple[str, ...] | None]


def serve_declared(
    cl: "CoLink", entries: Sequence[ServeEntry], find_ids: FindIds | None = None
) -> list[str]:
    """Serve what is declared. Gives a line for each entry that cannot be; the others are served.

    find_ids: the ids of the users in `allow`; without it, they are ids.
    """
    problems: list[str] = []
    present = cl.run(bucket.list_served(cl.link))
    for entry in entries:
        try:
            allow = find_ids(entry.allow) if find_ids is not None else entry.allow
            _serve(cl, replace(entry, allow=allow), present.get(entry.endpoint))
        except HugflowError as error:
            what = f"{error.what} ({error.why}; {error.mend})"
            problems.append(f"flows:{entry.endpoint} is not served: {what}")
        except (Exception, SystemExit) as error:  # noqa: BLE001  # importing runs the project's code
            what = f"{type(error).__name__}: {error}"
            problems.append(f"flows:{entry.endpoint} is not served: {what}")
    names = {entry.endpoint for entry in entries}
    for name, served in present.items():
        if served.declared and served.is_open and name not in names:
            unserve_flow(cl, name)
    return problems


def declared_points(entries: Sequence[ServeEntry]) -> list[str]:
    """The dispatch points that need a worker: the default one, and those of the entries."""
    named = {entry.dispatch_point for entry in entries if is_name(entry.dispatch_point)}
    return sorted({DEFAULT_DISPATCH_POINT} | named)


def _serve(cl: "CoLink", entry: ServeEntry, present: Served | None) -> None:
    wanted = new_endpoint(
        cl,
        entry.flow,
        entry.endpoint,
        dispatch_point=entry.dispatch_point,
        parallel_dispatch=entry.parallel,
        singleton=entry.singleton,
        allow=entry.allow,
        allow_subflow_overrides=entry.allow_subflow_overrides,
    )
    wanted = replace(wanted, declared=True)
    if present != wanted:
        cl.run(bucket.write_served(cl.link, entry.endpoint, wanted))
        log.info("Started serving %s at flows:%s.", entry.flow, entry.endpoint)
