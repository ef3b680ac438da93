"""The `serve:` list of a project file."""

from hugflow.flows.project_key import ServeEntry
from hugflow.serving import get_flow_instance, serve_flow
from hugflow.serving.declared import serve_declared
from hugflow.serving.status import read_status
from tests.serving.conftest import MakeUser


def test_what_is_no_longer_declared_is_unserved_and_nothing_else(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "by_hand")
    entries = [
        ServeEntry("served_classes.Count", "one"),
        ServeEntry("served_classes.Missing", "broken"),
        ServeEntry("served_classes.Upper", "two", parallel=True),
    ]
    [problem] = serve_declared(cl, entries)
    assert problem.startswith("flows:broken is not served")
    flow = get_flow_instance(cl, "one")
    assert serve_declared(cl, entries[2:]) == []
    states = {each.name: each.is_open for each in read_status(cl).endpoints}
    assert states == {"by_hand": True, "one": False, "two": True}
    assert flow.run({})["count"] == 1
