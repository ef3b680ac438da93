"""Row steps as people meet them: whose code runs, and when."""

import json
from pathlib import Path

import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_text
from tests.flows.hub import publish
from tests.projects import Project

pytestmark = pytest.mark.slow

WRITER = "rowsteps/Writer"


@pytest.fixture
def writer(hub: LoopbackHub, project: Project, tmp_path: Path) -> tuple[str, Path]:
    """A request whose module would write a file as it is imported; its commit, and the file."""
    marker = tmp_path / "ran"
    code = (
        f"open({str(marker)!r}, 'w')\n"
        "from hugflow.flows import AtomicFlow\n"
        "class W(AtomicFlow):\n"
        "    def run(self, data):\n"
        "        return {'said': data['text']}\n"
    )
    commit = publish(hub, WRITER, {"__init__.py": code, "setup.py": code})
    publish_speech(hub, "rowsteps/speech", rows=4, shards=1, seconds=0.05)
    steps = (
        "flows:",
        f"  - {{name: w, use: {WRITER}, flow: W, rows: {{in: [text], out: [said]}}}}",
    )
    project.request("rowsteps/speech", *steps)
    return commit, marker


def test_nothing_runs_a_module_before_it_is_allowed(project: Project, writer: tuple[str, Path]):
    commit, marker = writer
    request = "requests/add/request.yaml"
    for command in (
        ("flows", "sync", WRITER),
        ("validate", request),
        ("validate", request, "--online"),
        ("plan", request),
        ("doctor", "--offline"),
        ("status",),
        ("flows", "list"),
    ):
        assert project.run(*command).returncode in (0, 1), command
    loaded = project.run_python(
        "from hugflow_assets.definitions import defs\n"
        "for key in defs.resolve_asset_graph().get_all_asset_keys():\n"
        "    print(key.path[-1])\n"
    )
    assert loaded.returncode == 0, loaded.stderr
    assert "flows" in loaded.stdout.split()
    assert not marker.exists()
    refused = project.run("local-sync", request, "--no-report")
    assert refused.returncode == 5
    assert f"{WRITER} is not on the allow list" in refused.stderr
    assert not marker.exists()
    assert not list(project.root.rglob("*.mp3")), "it is refused before rows are made"

    (project.root / "hugflow.yaml").write_text(f'flows:\n  allow: ["{WRITER}@{commit}"]\n')
    done = project.run("local-sync", request, "--no-report", "--json")
    assert done.returncode == 0, done.stderr
    assert marker.exists()
    [entry] = json.loads(done.stdout)["datasets"]
    [step] = entry["flows"]
    assert (step["module"], step["commit"], step["rows"]) == (WRITER, commit, 4)


def test_a_step_of_a_served_flow_is_valid_and_asks_nobody_yet(project: Project):
    project.request("a/b", "flows:", "  - {name: asr, user: gpu-team, endpoint: whisper}")
    done = project.run("validate", "requests/add/request.yaml")
    assert done.returncode == 0, done.stderr


def test_validate_tells_of_steps_that_will_not_run(
    project: Project, hub: LoopbackHub, writer: tuple[str, Path]
):
    commit, marker = writer
    request = "requests/add/request.yaml"
    done = project.run("validate", request, "--json")
    assert done.returncode == 0, done.stderr
    [warning] = json.loads(done.stdout)["warnings"]
    assert f"{WRITER} is not on the allow list" in warning["what"]
    (project.root / "hugflow.yaml").write_text(f'flows:\n  allow: ["{WRITER}@{commit}"]\n')
    assert "warning" not in project.run("validate", request, "--online").stderr
    assert not marker.exists()


def test_validate_tells_of_a_module_that_a_module_asks_for_and_that_may_not_run(
    project: Project, hub: LoopbackHub
):
    publish(hub, "rowsteps/Asked", {"__init__.py": ""})
    code = "dependencies = [{'url': 'rowsteps/Asked'}]\nclass A: pass\n"
    publish(hub, "rowsteps/Asks", {"__init__.py": code})
    project.request("rowsteps/text", "flows:", "  - {name: a, use: rowsteps/Asks, flow: A}")
    assert project.run("flows", "sync", "rowsteps/Asks").returncode == 0
    (project.root / "hugflow.yaml").write_text('flows:\n  allow: ["rowsteps/Asks"]\n')
    done = project.run("validate", "requests/add/request.yaml")
    assert done.returncode == 0, done.stderr
    what = "rowsteps/Asked, which rowsteps/Asks asks for, is not on the allow list"
    assert f"flows: step 'a': {what}" in done.stderr
    (project.root / "hugflow.yaml").write_text('flows:\n  allow: ["rowsteps/*"]\n')
    assert "warning" not in project.run("validate", "requests/add/request.yaml").stderr


def test_plan_and_validate_warn_of_a_class_that_is_not_in_its_file(
    project: Project, hub: LoopbackHub
):
    publish_text(hub, "rowsteps/text", rows=2)
    (project.root / "own.py").write_text("raise SystemExit\nclass Clean: pass\n")
    project.request("rowsteps/text", "flows:", "  - {name: c, flow: own.Claen}")
    for command in ("validate", "plan"):
        done = project.run(command, "requests/add/request.yaml")
        assert done.returncode == 0, done.stderr
        assert "step 'c': own has no class Claen" in done.stderr
        assert "did you mean Clean?" in done.stderr


def test_validate_refuses_two_requests_that_use_one_module_at_two_revisions(project: Project):
    for name, revision in (("one", "v1"), ("two", "v2")):
        step = f"  - {{name: w, use: acme/Tools:{revision}, flow: W}}"
        project.request(f"rowsteps/{name}", "flows:", step, name=name)
    done = project.run("validate", "requests")
    assert done.returncode == 4, done.stderr
    assert "two.yaml uses acme/Tools:v2, and" in done.stderr
    assert "one.yaml uses acme/Tools:v1" in done.stderr
    assert project.run("validate", "requests/add/two.yaml").returncode == 0


@pytest.mark.parametrize(
    ("use", "options", "told"),
    [
        ("rowsteps/6789", [], "cannot be imported by Python"),
        ("rowsteps/class", [], "cannot be imported by Python"),
        ("rowsteps/Writer:v9", ["--online"], "no such revision"),
        ("rowsteps/Nowhere", ["--online"], "rowsteps/Nowhere"),
    ],
)
def test_validate_refuses_a_step_whose_module_cannot_be_had(
    project: Project, writer: tuple[str, Path], use: str, options: list[str], told: str
):
    step = f"  - {{name: w, use: {use}, flow: W, rows: {{in: [text], out: [said]}}}}"
    project.request("rowsteps/speech", "flows:", step)
    done = project.run("validate", "requests/add/request.yaml", *options)
    assert done.returncode in (4, 5), done.stdout
    assert "step 'w': " in done.stderr
    assert told in done.stderr
