"""Removal requests on main: carried out one by one, guarded, and never because of an error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from hugflow.removal.remove import RemovalOrder, plan_removal, remove_dataset
from hugflow.removal.uses import refuse_used
from hugflow.requests.catalog import ArrivalOnMain, Catalog
from hugflow.requests.collect import RemovalFile, is_unconfirmed
from hugflow.requests.model import Identity
from hugflow.requests.policy import Policy
from hugflow.requests.problems import show_path
from hugflow.stages.standing.removal_records import is_kept
from hugflow.store.layout import Places
from hugflow_sensors.runs import stop_run


@dataclass(frozen=True, slots=True)
class Removals:
    """What a removal needs to know: the catalogue, the runs at work, the policy.

    run_ids_by_name: runs that make a dataset now or soon, by its name.
    policy: who may remove.
    """

    instance: dg.DagsterInstance
    places: Places
    catalog: Catalog
    branch: str
    run_ids_by_name: Mapping[str, Sequence[str]]
    policy: Policy

    def carry_out(self, file: RemovalFile, identity: Identity) -> str:
        """Remove a dataset; returns a line on what was done or why not yet, "" if it is gone.

        Raises the errors of `remove_dataset`; nothing was changed then.
        """
        places, name, shown = self.places, identity.name, show_path(file.path)
        removal = plan_removal(places, identity)
        if removal is None:
            return ""
        if is_kept(places, name, file.request.digest):
            return f"{name}: restored by hand, so {shown} does not take it; delete the file"
        asked = self.catalog.asked_by_path.get(file.path, ArrivalOnMain(self.catalog.commit))
        together = max(asked.together, file.together)
        if is_unconfirmed(file.request, together):
            return (
                f"{name}: kept, because {together} removals came together; "
                f"`confirm: true` in {shown} lets it go"
            )
        if not self.policy.allows_remover(asked.author, asked.email):
            who = asked.author or "a person whom git does not name"
            return f"{name}: kept, because the policy does not let {who} remove ({shown})"
        refuse_used(name, removal.uses)
        if run_ids := self.run_ids_by_name.get(name):
            stopped = [stop_run(self.instance, run_id, name) for run_id in run_ids]
            how = "is being stopped" if all(stopped) else "is at work; stop it in the web UI"
            return f"{name}: goes as {shown} asks, once its run has ended, which {how}"
        # No request needs a record: the removal blocks them only as long as it exists.
        order = RemovalOrder(
            by=f"{asked.author or 'somebody'}, {self.branch}@{(asked.commit or asked.since)[:7]}",
            at=datetime.now(UTC),
            reason=file.request.reason,
            removal=file.request.digest,
        )
        entry = remove_dataset(places, identity, order)
        if entry is None:
            return ""
        until = entry.expires_at.date().isoformat()
        return (
            f"{name}: removed as {shown} asks; it is in the trash until {until}, "
            f"`hugflow undo {name}` brings it back"
        )
