"""The files in deploy/: what they start can be started, and speaks of one code location."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from hugflow.cli.project import read_template
from hugflow.cli.up import LOCATION
from hugflow.cluster import POSTGRES_SCHEME
from hugflow_resources.tags import PART_TAG

DEPLOY = Path(__file__).parents[1] / "deploy"
BIN = Path(sys.executable).parent
# Where help is asked of: what stands before the first option.
PORT = 4266


def unit_commands() -> Iterator[str]:
    for unit in sorted((DEPLOY / "systemd").glob("*.service")):
        text = unit.read_text().replace("\\\n", " ")
        yield from re.findall(r"^ExecStart(?:Pre)?=(.+)$", text, re.MULTILINE)


def compose_commands() -> Iterator[str]:
    for name in ("compose.yaml", "cluster.yaml"):
        for service in read_compose(name)["services"].values():
            command = " ".join(service.get("command", "").split())
            shell = re.fullmatch(r'sh -c "(.+)"', command)
            for part in (shell[1] if shell else command).split("&&"):
                yield part.strip().removeprefix("exec ")


def read_compose(name: str) -> Any:
    return yaml.safe_load((DEPLOY / "compose" / name).read_text())


# Those of other packages are run by the tests of a cluster.
COMMANDS = sorted(
    {
        command
        for command in [*unit_commands(), *compose_commands()]
        if command and Path(command.split()[0]).name not in ("celery", "redis-server")
    }
)


def test_each_layout_has_its_three_parts():
    commands = [*unit_commands(), *compose_commands()]
    assert sum("code-server start" in command for command in commands) == 3
    assert sum("dagster-daemon run" in command for command in commands) == 3
    assert sum("hugflow_resources.web" in command for command in commands) == 3
    assert sum("hugflow up" in command for command in commands) == 1
    assert sum("dagster_celery.app worker" in command for command in commands) == 2


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


def test_each_unit_that_opens_dagsters_instance_by_itself_has_the_addresses_of_a_cluster():
    units = {path.stem: path.read_text() for path in (DEPLOY / "systemd").glob("*.service")}
    alone = {name for name, text in units.items() if "DAGSTER_HOME=" in text}
    assert alone == {"hugflow-code", "hugflow-daemon", "hugflow-web", "hugflow-worker"}
    for name in alone:
        assert re.search(
            r"^EnvironmentFile=-?/srv/hugflow/cluster\.env$", units[name], re.MULTILINE
        )


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("*/workspace.yaml")), ids=str)
def test_the_code_location_has_one_name_and_one_port(path: Path):
    (entry,) = yaml.safe_load(path.read_text())["load_from"]
    assert entry["grpc_server"]["location_name"] == LOCATION
    assert entry["grpc_server"]["port"] == PORT
    servers = [shlex.split(command) for command in COMMANDS if "code-server" in command]
    for words in servers:
        assert words[words.index("--location-name") + 1] == LOCATION
        assert words[words.index("-p") + 1] == str(PORT)


def test_compose_shares_the_project_and_publishes_to_this_host_only():
    services = read_compose("compose.yaml")["services"]
    assert len({str(service["volumes"]) for service in services.values()}) == 1
    assert "ports" not in services["code"]
    assert services["web"]["ports"] == ["127.0.0.1:3000:3000"]


def test_a_cluster_shares_project_and_addresses_and_publishes_to_this_host_only():
    compose = read_compose("cluster.yaml")
    services = compose["services"]
    ours = [name for name in services if services[name]["image"] == "hugflow-cluster"]
    assert ours == ["code", "daemon", "web", "worker"]
    assert len({str(services[name]["volumes"]) for name in ours}) == 1
    assert {services[name]["env_file"] for name in ours} == {"${PROJECT:-.}/cluster.env"}
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {"web": ["127.0.0.1:3000:3000"]}
    assert {"database", "queue"} <= set(compose["volumes"])


def test_kubernetes_starts_one_code_location_and_keeps_runs_apart_as_the_cluster_does():
    values = yaml.safe_load((DEPLOY / "kubernetes" / "values.yaml").read_text())
    (code,) = values["dagster-user-deployments"]["deployments"]
    assert code["codeServerArgs"] == [
        "-m",
        "hugflow_assets.definitions",
        "--location-name",
        LOCATION,
    ]
    assert code["port"] == PORT
    assert values["postgresql"]["postgresqlScheme"] == POSTGRES_SCHEME
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    assert launcher["volumes"] == code["volumes"]
    assert launcher["volumeMounts"] == code["volumeMounts"]
    assert values["concurrency"]["runs"]["tagConcurrencyLimits"][0]["key"] == PART_TAG


def test_runs_and_pools_have_the_limits_of_the_cluster_on_kubernetes(tmp_path: Path):
    limits = yaml.safe_load((DEPLOY / "kubernetes" / "values.yaml").read_text())["concurrency"]
    assert limits.pop("enabled")
    # What the chart makes of them.
    words = re.sub(r"(?<=[a-z])[A-Z]", lambda found: f"_{found[0].lower()}", json.dumps(limits))
    run_coordinator = {
        "module": "dagster.core.run_coordinator",
        "class": "QueuedRunCoordinator",
        "config": {},
    }
    text = yaml.safe_dump(
        {"run_coordinator": run_coordinator, "concurrency": json.loads(words)}
    ).replace("apply_limit_per_unique_value", "applyLimitPerUniqueValue")
    (tmp_path / "dagster.yaml").write_text(text)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        found = instance.get_concurrency_config()
    cluster = yaml.safe_load(read_template("cluster/dagster.yaml"))["concurrency"]
    assert found.pool_config.pool_granularity.value == cluster["pools"]["granularity"]
    assert found.pool_config.default_pool_limit == 4
    assert found.run_queue_config.max_concurrent_runs == cluster["runs"]["max_concurrent_runs"]
    assert (
        found.run_queue_config.tag_concurrency_limits == cluster["runs"]["tag_concurrency_limits"]
    )
