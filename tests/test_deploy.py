"""The files in deploy/: what they start can be started, and speaks of one code location."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hugflow.cli.up import LOCATION

DEPLOY = Path(__file__).parents[1] / "deploy"
BIN = Path(sys.executable).parent
# Where help is asked of: what stands before the first option.
PORT = 4266


def unit_commands() -> Iterator[str]:
    for unit in sorted((DEPLOY / "systemd").glob("*.service")):
        text = unit.read_text().replace("\\\n", " ")
        yield from re.findall(r"^ExecStart(?:Pre)?=(.+)$", text, re.MULTILINE)


def compose_commands() -> Iterator[str]:
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    for service in compose["services"].values():
        command = " ".join(service["command"].split())
        shell = re.fullmatch(r'sh -c "(.+)"', command)
        for part in (shell[1] if shell else command).split("&&"):
            yield part.strip().removeprefix("exec ")


COMMANDS = [*unit_commands(), *compose_commands()]


def test_each_layout_has_its_three_parts():
    assert sum("code-server start" in command for command in COMMANDS) == 2
    assert sum("dagster-daemon run" in command for command in COMMANDS) == 2
    assert sum("hugflow_resources.web" in command for command in COMMANDS) == 2
    assert sum("hugflow up" in command for command in COMMANDS) == 1


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_exists_and_knows_its_options(command: str):
    words = shlex.split(command)
    program, options = BIN / Path(words[0]).name, [w for w in words if re.match(r"--?[a-z]", w)]
    head = list(words[1 : next((i for i, w in enumerate(words) if w[0] == "-"), len(words))])
    if program.name == "python":
        head, options = ["-m", words[2]], [w for w in options if w != "-m"]
        if words[2] == "hugflow_resources.instance":
            return
    told = subprocess.run(
        [str(program), *head, "--help"], capture_output=True, text=True, check=True, timeout=120
    )
    for option in options:
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", told.stdout), option


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("*/workspace.yaml")), ids=str)
def test_the_code_location_has_one_name_and_one_port(path: Path):
    (entry,) = yaml.safe_load(path.read_text())["load_from"]
    assert entry["grpc_server"]["location_name"] == LOCATION
    assert entry["grpc_server"]["port"] == PORT
    assert all(str(PORT) in c and LOCATION in c for c in COMMANDS if "code-server" in c)


def test_compose_shares_the_project_and_publishes_to_this_host_only():
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    services = compose["services"]
    assert len({str(service["volumes"]) for service in services.values()}) == 1
    assert "ports" not in services["code"]
    assert services["web"]["ports"] == ["127.0.0.1:3000:3000"]
