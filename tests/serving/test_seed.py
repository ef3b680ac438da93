"""The notebook that served flows were asked for with, as it is but for its import lines."""

import logging
import re
import runpy
from pathlib import Path

import pytest

from hugflow.serving.demo import run_demo
from hugflow.serving.examples import copy_examples

NOTEBOOK = Path(__file__).with_name("notebook.py.txt")
LOG_LINES = [
    r"Dispatch worker started in attached thread\.",
    r"dispatch_point: coflows_dispatch",
    r"get_instances worker started in attached thread for user USER0",
    r"Started serving ReverseNumberFlowModule\.ReverseNumberAtomicFlow at "
    r"flows:reverse_number_atomic\.",
    r"parallel_dispatch: False",
    r"singleton: True",
    r"get_instances worker started in attached thread for user USER1",
    r"singleton: False",
    r"~~~ serving get_instances request ~~~",
    r"~~~ get_instances initiator ~~~",
    r"task_id = [0-9a-f-]{36}",
    r"get_instance_calls: \[\['first_reverse_flow', 'reverse_number_atomic', \{.*'name': "
    r"'ReverseNumberFirst', .*\], \['second_reverse_flow', 'reverse_number_atomic', \{.*\}\]\]",
    r"Mounted ID0 at flows:reverse_number_atomic:mounts:USER1:ID0",
    r"Mounted ID1 at flows:reverse_number_sequential:mounts:local:ID1",
    r'Received subflow instances: \{\s+"first_reverse_flow": \{\s+"flow_id": "ID0",\s+'
    r'"successful": true,\s+"message": "Fetched local flow instance\."\s+\},',
    r"~~~ Dispatch task ~~~",
]
VIEW = """\
 ENDPOINT/
   init
   flow_class_name
   singleton
   default_dispatch_point
   parallel_dispatch
   mounts/
     CLIENT/
       INSTANCE/
         init
         config_overrides
         state

All flow instances:
 INSTANCE
"""


def test_the_notebook_runs_with_its_import_lines_changed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    copy_examples(tmp_path)
    lines = NOTEBOOK.read_text().splitlines(keepends=True)
    script = tmp_path / "notebook.py"
    script.write_text("".join(line for line in lines if not line.startswith("%")))
    with caplog.at_level(logging.INFO, "hugflow.serving"):
        found = runpy.run_path(str(script))
    users = [cl.get_user_id() for cl in found["cls"]]
    for cl in found["cls"]:
        cl.close()
    ids = found["remote_flow"].flow_id, found["flow"].flow_id
    out = capsys.readouterr().out
    assert "REPLY:\n {'output_number': 1234}" in out
    assert "{'output_number': 4321}" in out
    for number, (endpoint, client) in enumerate(
        (("reverse_number_atomic", users[1]), ("reverse_number_sequential", "local"))
    ):
        view = VIEW.replace("ENDPOINT", endpoint).replace("CLIENT", client)
        assert view.replace("INSTANCE", ids[number]) in out
    logged = [record.getMessage().strip() for record in caplog.records]
    for line in LOG_LINES:
        for number in (0, 1):
            line = line.replace(f"USER{number}", users[number]).replace(f"ID{number}", ids[number])
        assert any(
            re.fullmatch(line, each, re.DOTALL) or re.match(line, each) for each in logged
        ), line
    assert not any(
        "seed" in each.lower() or re.search(r"\bSU[A-Z2-7]{56}", each) for each in logged
    )


def test_the_demo_prints_what_the_notebook_prints(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    run_demo(said.append)
    assert "REPLY:\n {'output_number': 1234}\n" in said
    assert "{'output_number': 4321}" in said
    assert "reverse_number_sequential/" in capsys.readouterr().out
