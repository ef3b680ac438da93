"""The `serve:` list of a project file: what is declared is served, and nothing else is touched.

A declared endpoint that is no longer in the list is unserved: its instances keep answering. Nothing
is deleted here, and an endpoint that a person served by a command stays as it is.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hugflow.errors import HugflowError
from hugflow.flows.project_key import ServeEntry
from hugflow.serving import bucket
from hugflow.serving.records import Served
from hugflow.serving.serving import new_endpoint, unserve_flow

if TYPE_CHECKING:
    from hugflow.serving.colink import CoLink

log = logging.getLogger(__name__)


def serve_declared(cl: "CoLink", entries: Sequence[ServeEntry]) -> list[str]:
    """Serve what is declared. Gives a line for each entry that cannot be; the others are served."""
    problems: list[str] = []
    present = cl.run(bucket.list_served(cl.link))
    for entry in entries:
        try:
            _serve(cl, entry, present.get(entry.endpoint))
        except (HugflowError, ValueError) as error:
            what = error.what if isinstance(error, HugflowError) else str(error)
            problems.append(f"flows:{entry.endpoint} is not served: {what}")
    names = {entry.endpoint for entry in entries}
    for name, served in present.items():
        if served.declared and served.is_open and name not in names:
            unserve_flow(cl, name)
    return problems


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
