"""The `serve:` list of a project file."""

from pathlib import Path

import pytest

from hugflow.errors import SettingInvalid, UsageWrong
from hugflow.flows.project_key import ServeEntry, serving_of
from hugflow.project_file import read_project_file
from hugflow.serving import get_flow_instance, serve_flow
from hugflow.serving.declared import declared_points, serve_declared
from hugflow.serving.keys import new_seed, read_seed, user_id_of
from hugflow.serving.places import ProjectServing, serving_at
from hugflow.serving.server import FlowServer
from hugflow.serving.status import read_status
from tests.serving.conftest import MakeUser


def test_what_is_no_longer_declared_is_unserved_and_nothing_else(
    new_user: MakeUser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "by_hand")
    entries = [
        ServeEntry("served_classes.Count", "one"),
        ServeEntry("served_classes.Missing", "broken"),
        ServeEntry("served_classes.Upper", "two", parallel=True),
        ServeEntry("broken_at_import.Flow", "no_name"),
        ServeEntry("broken_at_import_too.Flow", "no_exit"),
    ]
    (tmp_path / "broken_at_import.py").write_text("undefined_name\n")
    (tmp_path / "broken_at_import_too.py").write_text("raise SystemExit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    problem, undefined, ends = serve_declared(cl, entries)
    assert problem.startswith("flows:broken is not served")
    assert "flows:no_name is not served" in undefined
    assert "NameError: name 'undefined_name'" in undefined
    assert ends.startswith("flows:no_exit is not served: SystemExit")
    flow = get_flow_instance(cl, "one")
    assert serve_declared(cl, entries[2:3]) == []
    states = {each.name: each.is_open for each in read_status(cl).endpoints}
    assert states == {"by_hand": True, "one": False, "two": True}
    assert flow.run({})["count"] == 1


def serving_in(root: Path, text: str) -> ProjectServing:
    (root / "hugflow.yaml").write_text(text)
    return serving_at(root, read_project_file(root), root / "state")


def test_the_whole_form_of_an_entry_is_read_and_its_users_are_found(tmp_path: Path) -> None:
    bob, eve = user_id_of(new_seed()), user_id_of(new_seed())
    server = FlowServer(tmp_path / "state" / "serving")
    server.add_user("bob", bob)
    serving = serving_in(
        tmp_path,
        f"flows:\n  users: {{eve: {eve}, cut: {eve[:-1]}}}\n  serve:\n"
        "    - {endpoint: clean, flow: my.Clean, singleton: false, parallel_dispatch: true,"
        ' dispatch_point: cpu, allow: ["*"]}\n'
        "    - {endpoint: mark, flow: my.Mark, parallel: true, allow: [eve, bob, local]}\n"
        "    - {endpoint: third, flow: my.Mark, dispatch_point: no good, allow: [bobb]}\n",
    )
    clean, mark, third = serving.config.serve
    assert (clean.parallel, clean.dispatch_point, clean.singleton) == (True, "cpu", False)
    assert serving.find_ids(clean.allow) is None
    assert mark.parallel
    assert serving.find_ids(mark.allow) == (eve, bob, "local")
    with pytest.raises(UsageWrong, match="there is no user bobb") as caught:
        serving.find_ids(third.allow)
    assert "did you mean bob?" in caught.value.mend
    with pytest.raises(UsageWrong, match="the user cut has no id"):
        serving.find_id("cut")
    assert declared_points(serving.config.serve) == ["coflows_dispatch", "cpu"]


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("user_seed: seeds/me.seed", None),
        ("server: nats://127.0.0.1:4333", ("127.0.0.1", 4333)),
        ("server: nats://localhost", ("localhost", 4222)),
    ],
)
def test_a_server_on_this_machine_and_its_user_are_made(
    tmp_path: Path, line: str, address: tuple[str, int] | None
) -> None:
    serving = serving_in(tmp_path, f"flows:\n  {line}\n")
    assert serving.own_address == address
    assert serving.has_own_server
    server = serving.server()
    assert address is None or server.port == address[1]
    serving.admit_own_user(server)
    serving.admit_own_user(server)
    seed = read_seed(serving.seed_file)
    assert serving.seed_file.name == ("me.seed" if address is None else "main.seed")
    assert server.user_ids() == {"main": user_id_of(seed)}


def test_a_server_elsewhere_is_not_run_here(tmp_path: Path) -> None:
    assert not serving_in(tmp_path, "flows:\n  server: nats://gpu-team:4222\n").has_own_server


def test_an_address_with_a_token_is_refused_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "hugflow.yaml").write_text("flows:\n  server: nats://s3cr3t@gpu-team:4222\n")
    with pytest.raises(SettingInvalid, match=r"hugflow.yaml:2: flows: server: names") as caught:
        serving_of(read_project_file(tmp_path))
    assert "s3cr3t" not in str(caught.value)
