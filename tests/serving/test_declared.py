"""The `serve:` list of a project file."""

from pathlib import Path

import pytest

from hugflow.errors import SettingInvalid
from hugflow.flows.project_key import ServeEntry, serving_of
from hugflow.project_file import read_project_file
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


def test_an_address_with_a_token_is_refused_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "hugflow.yaml").write_text("flows:\n  server: nats://s3cr3t@gpu-team:4222\n")
    with pytest.raises(SettingInvalid, match=r"hugflow.yaml:2: flows: server: names") as caught:
        serving_of(read_project_file(tmp_path))
    assert "s3cr3t" not in str(caught.value)
