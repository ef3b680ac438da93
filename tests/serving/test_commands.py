"""`hugflow flows up|user|serve|unserve|status|call|worker` as a person uses them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = """\
flows:
  user_seed: me.seed
  serve:
    - {flow: ReverseNumberFlowModule.ReverseNumberAtomicFlow, endpoint: reverse, singleton: true,
       parallel_dispatch: false, dispatch_point: cpu, allow: ["*"]}
    - {flow: missing.Flow, endpoint: broken}
    - {flow: names_seen.Names, endpoint: names}
"""
NAMES_SEEN = """\
import os
from pathlib import Path
from hugflow.flows import AtomicFlow

with Path(__file__).with_name("imported.txt").open("a") as file:
    print(*os.environ, file=file)

class Names(AtomicFlow):
    def run(self, data):
        return {"names": list(os.environ)}
"""
SECRETS = {"HF_TOKEN": "hf_made_up", "OPENAI_API_KEY": "sk-made-up", "MY_PASSWORD": "made-up"}


def run(root: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    script = str(Path(sys.executable).with_name("hugflow"))
    return subprocess.run(
        [script, "flows", *words],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **SECRETS},
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("project")
    (root / "hugflow.yaml").write_text(PROJECT)
    (root / "names_seen.py").write_text(NAMES_SEEN)
    assert run(root, "init", "--examples").returncode == 0
    script = str(Path(sys.executable).with_name("hugflow"))
    with (root / "up.log").open("wb") as log:
        up = subprocess.Popen(
            [script, "flows", "up"],
            cwd=root,
            stdout=log,
            stderr=log,
            env={**os.environ, **SECRETS},
        )
    ends_at = time.monotonic() + 40
    while "get_instances worker started" not in (root / "up.log").read_text():
        assert time.monotonic() < ends_at, (root / "up.log").read_text()
        time.sleep(0.1)
    yield root
    up.send_signal(signal.SIGTERM)
    assert up.wait(30) == 0


@pytest.mark.slow
def test_without_a_server_the_error_says_how_to_start_one(tmp_path: Path) -> None:
    (tmp_path / "hugflow.yaml").write_text("flows: {}\n")
    done = run(tmp_path, "status")
    assert done.returncode == 7
    assert "hugflow flows up" in done.stderr
    assert run(tmp_path, "user", "new", "main").returncode == 0
    done = run(tmp_path, "status")
    assert done.returncode == 7
    assert "does not answer" in done.stderr


@pytest.mark.slow
def test_a_declared_flow_is_served_called_and_shown(project: Path) -> None:
    assert "flows:broken is not served" in (project / "up.log").read_text()
    done = run(project, "call", "reverse", '{"number": 1234}')
    assert json.loads(done.stdout)["output_number"] == 4321
    message_id = done.stderr.split()[1]
    assert run(project, "call", "--message", message_id, "--state").stdout == "done\n"
    late = run(project, "call", "reverse", "--data", '{"number": 1}', "--timeout", "0")
    assert late.returncode in (0, 7)
    assert "a file cannot be used" not in late.stderr
    unsent = run(project, "call", "--message", "none-such")
    assert unsent.returncode == 2
    assert "there is no message none-such" in unsent.stderr
    endpoints = json.loads(run(project, "status", "--json").stdout)["endpoints"]
    [shown] = [each for each in endpoints if each["name"] == "reverse"]
    assert (shown["name"], shown["instances"], shown["has_worker"]) == ("reverse", 1, True)
    assert shown["description"]["input"] == {"number": "int"}
    assert "number: int -> output_number: int" in run(project, "status").stdout


@pytest.mark.slow
def test_a_user_is_made_serves_and_is_revoked(project: Path) -> None:
    made = run(project, "user", "new", "bob")
    assert made.stdout.startswith("U")
    assert run(project, "user", "new", "bob").stdout == made.stdout
    seed = project / ".hugflow-state" / "serving" / "users" / "bob.seed"
    assert seed.stat().st_mode & 0o777 == 0o600
    assert (
        seed.read_text().strip() not in (project / ".hugflow-state/serving/server.conf").read_text()
    )
    name = "ReverseNumberFlowModule.ReverseNumberAtomicFlow"
    assert run(project, "serve", "again", name, "--allow", "bob").returncode == 0
    unknown = run(project, "serve", name, "other", "--allow", "bobb")
    assert unknown.returncode == 2
    assert "did you mean bob?" in unknown.stderr
    assert run(project, "unserve", "again", "--delete").stdout == "flows:again is deleted\n"
    assert run(project, "unserve", "again").stdout == "flows:again was not served\n"
    assert run(project, "user", "revoke", "bob").returncode == 0
    assert "bob" not in run(project, "user", "list").stdout


@pytest.mark.slow
def test_served_code_sees_no_secret_of_any_process_that_imports_it(project: Path) -> None:
    script = str(Path(sys.executable).with_name("hugflow"))
    served = run(project, "serve", "names_seen.Names", "seen", "--dispatch-point", "own")
    assert served.returncode == 0, served.stderr
    command = [script, "flows", "worker", "--dispatch-point", "own"]
    with (project / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            command, cwd=project, stdout=log, stderr=log, env={**os.environ, **SECRETS}
        )
    try:
        seen = [json.loads(run(project, "call", each).stdout) for each in ("names", "seen")]
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
    imported = (project / "imported.txt").read_text().splitlines()
    # The worker of `up`, `flows serve`, and `flows worker`.
    assert len(imported) == 3
    for names in (*(each["names"] for each in seen), *(line.split() for line in imported)):
        assert "PATH" in names
        assert not SECRETS.keys() & set(names)
