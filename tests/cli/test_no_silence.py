"""No command is silent: at a terminal each says what it does while it takes its time."""

import sys
from collections.abc import Iterator
from itertools import pairwise

import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.projects import Project, make_project
from tests.terminal import plain, watch_terminal

pytestmark = pytest.mark.slow

TOKEN = "hf_test_silent_12345"
HF_ID = "silent/speech"
NAME = "silent__speech__split_train__rev_main"
# Slows down one function, then runs the command.
SLOW = """
import importlib, sys, time
module, name = sys.argv.pop(1).split(":")
owner = importlib.import_module(module)
real = getattr(owner, name)
def slow(*args, **options):
    time.sleep(0.9)
    return real(*args, **options)
setattr(owner, name, slow)
from hugflow.cli.main import main
main()
"""
# The command, what is slow in it, and what is said meanwhile.
COMMANDS = {
    "plan": ("plan FILE", "hugflow.stages.planning.estimate:estimate", f"estimating {HF_ID}"),
    "init": ("init", "hugflow.cli.project:prepare_dagster", "preparing the Dagster instance"),
    "remove": ("remove FILE --dry-run", "hugflow.removal.remove:plan_removal", f"measuring {NAME}"),
    "export": (
        f"export {NAME} --to nemo --out out",
        "hugflow.stages.publishing.export_stored:export_stored",
        f"exporting {NAME} to nemo",
    ),
    "push": (
        f"push {NAME} silent/copy",
        "hugflow.pushing.push:write_shard",
        f"pushing {NAME}",
    ),
    "verify": (f"verify {NAME} --deep", "hugflow.verify.complete:read_plan", "0/3 rows"),
    "overlaps": (
        "overlaps --index-only",
        "hugflow.corpus.compare:compare_tables",
        "comparing 1 dataset",
    ),
    "pull": ("pull", "hugflow.hierarchy.pulling.pull:read_source", "reading source s"),
    "lock": ("lock", "hugflow.hierarchy.walk:fetch_parent", "reading parent above"),
    "compose": ("compose", "hugflow.hierarchy.walk:fetch_parent", "reading parent above"),
}


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project with a complete dataset, and with a parent beside it."""
    folder = tmp_path_factory.mktemp("silent")
    with LoopbackHub() as hub:
        hub.add_token(TOKEN, "silent", writes=True)
        publish_speech(hub, HF_ID, rows=3, shards=1, seconds=0.2)
        project = make_project(hub, folder / "project")
        project.environment["HF_TOKEN"] = TOKEN
        project.request(HF_ID)
        (folder / "above").mkdir()
        (folder / "above" / "hugflow.yaml").write_text("sources: {}\n")
        (project.root / "people.csv").write_text("name\nAda\n")
        source = "sources: {s: {format: sheets, subformat: csv, files_list: [people.csv]}}\n"
        (project.root / "hugflow.yaml").write_text(
            f"parents: {{above: {{location: ../above}}}}\n{source}"
        )
        done = project.run("local-sync", "--no-report")
        assert done.returncode == 0, done.stderr
        yield project


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_takes_its_time_says_what_it_does(silent: Project, command: str):
    written, slow, words = COMMANDS[command]
    arguments = [slow, *written.replace("FILE", "requests/add/request.yaml").split()]
    shown = watch_terminal(silent, arguments, program=[sys.executable, "-c", SLOW])
    told = [at for at, line in shown if words in plain(line)]
    assert len(told) >= 2, [plain(line) for _, line in shown]
    begun, ended = shown[0][0], shown[-1][0]
    assert max(b - a for a, b in pairwise([begun, *told, ended])) < 2


def test_a_removal_and_its_undo_say_so(silent: Project):
    """Last in this module: they go over the same dataset."""
    for written, slow, words in (
        ("remove FILE --yes", "hugflow.removal.remove:remove_dataset", f"removing {NAME}"),
        (f"undo {NAME}", "hugflow.removal.undo:bring_back", f"restoring {NAME}"),
    ):
        arguments = [slow, *written.replace("FILE", "requests/add/request.yaml").split()]
        shown = watch_terminal(silent, arguments, program=[sys.executable, "-c", SLOW])
        assert sum(words in plain(line) for _, line in shown) >= 2
