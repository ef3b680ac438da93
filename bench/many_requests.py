"""What a thousand requests cost the platform: `python bench/many_requests.py [COUNT]`.

CPU seconds of `dagster definitions validate`, and of a tick of `requests_on_main` that finds COUNT
complete datasets and nothing to do: the first of a process, which looks at each of them, and the
next. Children, such as git, count. The datasets are of one row each, from the loopback Hub.
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import dagster as dg

from hugflow.requests.model import AddRequest
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text

ROUNDS = 3
VALIDATE_S, TICK_S = 10.0, 1.0


def main() -> None:
    """Measure and print three lines."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder, LoopbackHub() as hub:
        os.environ |= {
            "HF_ENDPOINT": hub.endpoint,
            "HF_HOME": f"{folder}/hf",
            "PROCESSED_ROOT": "./processed",
            "REQUESTS_REPO": f"{folder}/requests.git",
        }
        root = Path(folder) / "project"
        make_project(hub, root, count)
        os.chdir(root)
        validate = [str(Path(sys.executable).with_name("dagster")), "definitions", "validate"]
        told = min(cpu_of(validate) for _ in range(ROUNDS))
        first, others = measure_ticks(root)
    print(f"validate, {count} requests: {told:.2f} CPU s{verdict(told, VALIDATE_S)}")
    print(f"first tick of a process: {first:.2f} CPU s")
    print(f"tick with nothing to do: {others:.2f} CPU s{verdict(others, TICK_S)}")


def make_project(hub: LoopbackHub, root: Path, count: int) -> None:
    """A project whose main asks for COUNT datasets, all of which are there."""
    from hugflow.clients.hub import Hub
    from hugflow.settings import load_settings
    from hugflow.stages.planning.open_build import open_build
    from hugflow.stages.sync import sync_dataset

    adds = root / "requests" / "add"
    adds.mkdir(parents=True)
    (root / "workspace.yaml").write_text(
        "load_from:\n  - python_module: hugflow_assets.definitions\n"
    )
    source = Path(__file__).parents[1] / "dagster.yaml"
    (root / "dagster.yaml").write_text(source.read_text("utf-8"), "utf-8")
    project = load_settings(root)
    for number in range(count):
        hf_id = f"bench/d{number:04d}"
        publish_text(hub, hf_id, rows=1, shards=1)
        (adds / f"d{number:04d}.yaml").write_text(f"hf_id: {hf_id}\ndescription: Number {number}\n")
        request = AddRequest(hf_id=hf_id, description=f"Number {number}")
        sync_dataset(open_build(request, project.places, Hub(), project.options))
    git = ["git", "-c", "user.name=Bench", "-c", "user.email=bench@localhost"]
    for command in (
        [
            *git,
            "init",
            "--quiet",
            "--bare",
            "--initial-branch=main",
            str(root.parent / "requests.git"),
        ],
        [*git, "init", "--quiet", "--initial-branch=main"],
        [*git, "add", "requests"],
        [*git, "commit", "--quiet", "--message", "Ask"],
        [*git, "push", "--quiet", str(root.parent / "requests.git"), "HEAD:main"],
    ):
        subprocess.run(command, cwd=root, check=True)


def measure_ticks(root: Path) -> tuple[float, float]:
    """CPU seconds of the first tick of a process, and the least of the next ones."""
    from hugflow.settings import load_settings
    from hugflow_assets.definitions import load_definitions
    from hugflow_resources.instance import open_instance, prepare_instance

    prepare_instance(root, slots=5)
    with open_instance(root) as instance:
        # The first tick writes the catalogue; then all that is on disk is adopted.
        tick(instance, load_definitions(load_settings(root)))
        definitions = load_definitions(load_settings(root))
        while not is_at_rest(tick(instance, definitions)[1]):
            pass
        definitions = load_definitions(load_settings(root))
        first, *others = [tick(instance, definitions)[0] for _ in range(ROUNDS + 1)]
    return first, min(others)


def tick(
    instance: dg.DagsterInstance, definitions: dg.Definitions
) -> tuple[float, dg.SensorResult]:
    """Let the sensor look once: the CPU seconds it took, and its answer, which is stored."""
    repository = definitions.get_repository_def()
    with dg.build_sensor_context(
        instance=instance,
        repository_def=repository,
        resources=dict(definitions.resources or {}),
    ) as context:
        before = cpu_now()
        result: dg.SensorResult = repository.get_sensor_def("requests_on_main")(context)
        spent = cpu_now() - before
    for event in result.asset_events:
        instance.report_runless_asset_event(event)
    return spent, result


def is_at_rest(result: dg.SensorResult) -> bool:
    """Whether the sensor found everything complete and known."""
    words = result.skip_reason.skip_message or "" if result.skip_reason else ""
    return words.endswith(" complete") and not result.asset_events


def cpu_of(command: list[str]) -> float:
    """CPU seconds of a command and of all it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cpu_now() -> float:
    """CPU seconds of this process and of its children so far."""
    own, below = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + below.ru_utime + below.ru_stime


def verdict(spent: float, limit: float) -> str:
    """What to say of a figure beyond its limit."""
    return "" if spent <= limit else f"  (more than {limit:g})"


if __name__ == "__main__":
    main()
