"""`hugflow flows`: as people type it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hugflow.requests.catalog import Catalog, write_catalog
from hugflow.testing.hub import LoopbackHub
from tests.flows.hub import ATOMIC, CHAT, asking, publish, publish_atomic, publish_chat
from tests.flows.test_seed import SCRIPT
from tests.projects import Project, make_project

pytestmark = pytest.mark.slow


@pytest.fixture
def module_hub() -> "object":
    """A Hub with the seed's modules."""
    with LoopbackHub() as hub:
        publish_chat(hub, publish_atomic(hub))
        yield hub


@pytest.fixture
def flows(module_hub: LoopbackHub, tmp_path: Path) -> Project:
    """A project that knows it."""
    return make_project(module_hub, tmp_path / "project")


def modules(project: Project) -> dict[str, dict[str, object]]:
    done = project.run("flows", "list", "--json")
    assert done.returncode == 0, done.stderr
    return {each["module"]: each for each in json.loads(done.stdout)["modules"]}


def test_the_seeds_script_runs_verbatim_after_init(flows: Project):
    (flows.root / "trivial_sync_demo.py").write_text(SCRIPT)
    assert flows.run("flows", "init").returncode == 0
    assert len((flows.root / "flows.py").read_text().splitlines()) == 2
    done = subprocess.run(
        [sys.executable, "trivial_sync_demo.py"],
        cwd=flows.root,
        env=flows.environment,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("This is a trivial sync demo.\n", "")
    assert flows.run("flows", "init").returncode == 0


def test_init_replaces_no_file_of_yours(flows: Project):
    (flows.root / "flows.py").write_text("mine = 1\n")
    done = flows.run("flows", "init")
    assert done.returncode == 1
    assert "is not replaced" in done.stderr
    assert (flows.root / "flows.py").read_text() == "mine = 1\n"


def test_sync_and_list_show_each_module_with_its_commit_and_who_asks_for_it(flows: Project):
    done = flows.run("flows", "sync", CHAT)
    assert done.returncode == 0, done.stderr
    assert f"synced {CHAT} to {flows.root / 'flow_modules' / CHAT}" in done.stdout
    found = modules(flows)
    assert found[CHAT]["asked_by"] == ["project"]
    assert found[ATOMIC]["asked_by"] == [CHAT]
    assert found[CHAT]["package"] == "flow_modules.saibo.ChatFlows"
    assert {each["state"] for each in found.values()} == {"synced"}
    listed = flows.run("flows", "list").stdout.splitlines()
    assert [line.split()[0].split(":")[0] for line in listed] == [ATOMIC, CHAT]
    assert all("not on the allow list" in line for line in listed)


def test_the_allow_list_of_the_project_says_what_may_run(flows: Project):
    flows.run("flows", "sync", CHAT)
    commit = modules(flows)[CHAT]["commit"]
    allow = f'flows:\n  allow:\n    - "{CHAT}@{commit}"\n    - "other/*"\n'
    (flows.root / "hugflow.yaml").write_text(allow)
    assert {name: each["allowed"] for name, each in modules(flows).items()} == {
        CHAT: True,
        ATOMIC: False,
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("flows:\n  allow:\n    - a/b\n    - a/b@main\n", "hugflow.yaml:4"),
        ("flows:\n  alow: [a/b]\n", "did you mean allow?"),
        ("flows: [a]\n", "hugflow.yaml:1: flows is not a mapping"),
        ("flows:\n\n  allow: a/b\n", "hugflow.yaml:3"),
        ("flows:\n  allow_local: maybe\n", "flows: allow_local is neither true nor false"),
        (
            "flows:\n  serve:\n    - endpoint: x\n      flow: a.B\n      alllow:\n        - me\n",
            "hugflow.yaml:5: flows: serve: 1: alllow is an unknown key",
        ),
        ("flows: {serve: [{endpoint: x, flow: a.B, singelton: true}]}\n", "mean singleton?"),
    ],
)
def test_a_wrong_allow_list_is_told_by_file_and_line(flows: Project, text: str, told: str):
    (flows.root / "hugflow.yaml").write_text(text)
    done = flows.run("flows", "list")
    assert done.returncode == 2
    assert told in done.stderr


def test_check_changes_nothing_and_ends_with_3_where_something_differs(
    module_hub: LoopbackHub, flows: Project
):
    flows.run("flows", "sync", CHAT)
    done = flows.run("flows", "sync", "--check")
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stdout
    (flows.root / "flow_modules" / CHAT / "README.md").write_text("mine\n")
    (flows.root / "flow_modules" / ATOMIC).rename(flows.root / "gone")
    commit = publish(module_hub, CHAT, {"new.py": asking("acme/More")})
    done = flows.run("flows", "sync", "--check")
    assert done.returncode == 3
    assert f"{CHAT}:main: commit {commit[:7]}, and" in done.stdout
    assert f"{CHAT}:main: its files were changed here" in done.stdout
    assert "ChatAtomicFlow" in done.stdout
    assert not (flows.root / "flow_modules" / ATOMIC).exists()


def test_check_compares_the_others_before_it_tells_of_a_module_that_is_gone(
    module_hub: LoopbackHub, flows: Project
):
    gone = "acme/Gone"
    publish(module_hub, gone, {"__init__.py": ""})
    flows.run("flows", "sync", gone, CHAT)
    (flows.root / "flow_modules" / CHAT / "README.md").write_text("mine\n")
    module_hub.remove(gone, kind="models")
    done = flows.run("flows", "sync", "--check")
    assert done.returncode == 5
    assert f"{CHAT}:main: its files were changed here" in done.stdout
    assert gone in done.stderr


def test_check_with_names_compares_what_is_asked_for_with_what_is_synced(
    module_hub: LoopbackHub, flows: Project
):
    flows.run("flows", "sync", CHAT)
    first = str(modules(flows)[CHAT]["commit"])
    second = publish(module_hub, CHAT, {"README.md": "second\n"})

    def check(*asked: str) -> tuple[int, str]:
        done = flows.run("flows", "sync", *asked, "--check")
        return done.returncode, done.stdout

    assert check("acme/More") == (3, "acme/More:main: is not synced\n")
    assert check(f"{CHAT}:{first}")[0] == 0
    expected = f"{CHAT}:{second}: commit {second[:7]}, and {first[:7]} is synced\n"
    assert check(f"{CHAT}:{second}") == (3, expected)
    assert check(ATOMIC)[0] == 0
    (flows.root / "mine").mkdir()
    assert check(f"{CHAT}:./mine") == (
        3,
        f"{CHAT}:./mine: is asked for, and {CHAT}:main is synced\n",
    )


def test_sync_without_names_follows_what_was_synced_before(module_hub: LoopbackHub, flows: Project):
    flows.run("flows", "sync", CHAT)
    commit = publish(module_hub, CHAT, {"README.md": "second\n"})
    done = flows.run("flows", "sync")
    assert done.returncode == 0, done.stderr
    assert commit[:7] in done.stderr
    assert modules(flows)[CHAT]["commit"] == commit


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [([], 1, "mine\n"), (["--keep"], 0, "mine\n"), (["--replace"], 0, "second\n")],
)
def test_local_changes_under_another_revision_end_in_the_answer_that_was_given(
    module_hub: LoopbackHub, flows: Project, options: list[str], code: int, text: str
):
    flows.run("flows", "sync", CHAT)
    readme = flows.root / "flow_modules" / CHAT / "README.md"
    readme.write_text("mine\n")
    publish(module_hub, CHAT, {"README.md": "second\n"}, branch="dev")
    done = flows.run("flows", "sync", f"{CHAT}:dev", *options)
    assert done.returncode == code, done.stderr
    assert readme.read_text() == text
    if code:
        assert "--keep" in done.stderr
        assert "--replace" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["a/b/c"], 4),
        (["acme/Missing"], 4),
        ([f"{CHAT}:v9"], 4),
        (["--keep", "--replace"], 2),
    ],
)
def test_what_cannot_be_synced_ends_with_its_code(flows: Project, arguments: list[str], code: int):
    done = flows.run("flows", "sync", *arguments)
    assert done.returncode in ({code, 5} if "Missing" in str(arguments) else {code}), done.stderr
    assert "fix:" in done.stderr


def test_a_folder_without_modules_says_how_to_begin(flows: Project):
    done = flows.run("flows", "list")
    assert (done.returncode, done.stdout) == (0, "")
    assert "hugflow flows sync USER/REPO" in done.stderr


def request_step(project: Project, module: str) -> Path:
    step = f"  - {{name: chat, use: {module}, flow: ChatGPT4, rows: {{in: [text]}}}}"
    return project.request("acme/speech", "flows:", step)


def test_a_module_that_nothing_uses_is_removed_and_a_copy_is_kept(flows: Project):
    flows.run("flows", "sync", CHAT)
    folder = flows.root / "flow_modules" / CHAT
    (folder / "README.md").write_text("mine\n")
    done = flows.run("flows", "remove", CHAT)
    assert done.returncode == 0, done.stderr
    assert f"hugflow flows remove {ATOMIC}" in done.stderr
    copy = flows.root / ".hugflow-state" / "flows" / "replaced" / "saibo.ChatFlows"
    assert str(copy) in done.stdout
    assert (copy / "README.md").read_text() == "mine\n"
    assert not folder.parent.exists()
    assert modules(flows).keys() == {ATOMIC}
    again = flows.run("flows", "remove", CHAT)
    assert again.returncode == 4
    assert "is not synced" in again.stderr
    assert flows.run("flows", "remove", ATOMIC).returncode == 0
    assert modules(flows) == {}
    assert flows.run("flows", "sync", CHAT).returncode == 0


def _is_asked_for_by_a_module(flows: Project) -> tuple[str, str]:
    return ATOMIC, CHAT


def _is_in_a_request(flows: Project) -> tuple[str, str]:
    request_step(flows, CHAT)
    return CHAT, "requests/add/request.yaml (the step 'chat' of acme__speech__"


def _is_served(flows: Project) -> tuple[str, str]:
    served = "{endpoint: chat, flow: flow_modules.saibo.ChatFlows.ChatGPT4}"
    (flows.root / "hugflow.yaml").write_text(f"flows:\n  serve:\n    - {served}\n")
    return CHAT, "hugflow.yaml (the served flow 'chat')"


def _may_be_in_a_request(flows: Project) -> tuple[str, str]:
    request_step(flows, "other/Module")
    (flows.root / "requests" / "add" / "broken.yaml").write_text("hf_id: [\n")
    return CHAT, "it is unknown whether"


def _is_in_a_request_on_main(flows: Project) -> tuple[str, str]:
    path = request_step(flows, CHAT)
    data = {str(path): (flows.root / path).read_bytes()}
    write_catalog(flows.places, Catalog("1" * 40, data))
    (flows.root / path).unlink()
    return CHAT, "requests/add/request.yaml"


@pytest.mark.parametrize(
    "use",
    [
        _is_asked_for_by_a_module,
        _is_in_a_request,
        _is_served,
        _may_be_in_a_request,
        _is_in_a_request_on_main,
    ],
)
def test_a_module_that_something_uses_stays_and_the_use_is_named(
    flows: Project, use: Callable[[Project], tuple[str, str]]
):
    flows.run("flows", "sync", CHAT)
    module, told = use(flows)
    done = flows.run("flows", "remove", module)
    assert done.returncode == 1, done.stdout
    assert told in done.stderr
    assert (flows.root / "flow_modules" / module / "FLOW_MODULE_ID").is_file()
    assert (flows.root / "flow_modules" / "flow.mod").read_text().count(module) >= 1


def test_of_a_linked_folder_only_the_link_is_removed(flows: Project):
    own = flows.root / "own"
    own.mkdir()
    (own / "Clean.py").write_text("x = 1\n")
    assert flows.run("flows", "sync", f"{CHAT}:./own").returncode == 0
    assert flows.run("flows", "remove", CHAT).returncode == 0
    assert (own / "Clean.py").is_file()
    assert not (flows.root / "flow_modules" / CHAT).is_symlink()
