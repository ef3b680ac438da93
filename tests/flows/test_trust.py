"""No code of a module runs before somebody has allowed it, and none that was changed since."""

import importlib
import os
import py_compile
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from hugflow.errors import FlowConfigInvalid, FlowError, FlowModuleNotFound, UntrustedFlowModule
from hugflow.flows import CompositeFlow
from hugflow.flows.load import load_flow
from hugflow.flows.names import parse_module_id
from hugflow.flows.places import FlowPlaces
from hugflow.flows.runner import LocalRunner, LocalStep
from hugflow.flows.step_worker import prepare_step
from hugflow.flows.trust import Trust, check_trust, digest_closure, parse_allowed, refuse_replaced
from hugflow.requests.flow_steps import flow_steps
from hugflow.requests.grammar import FieldInvalid
from hugflow.serving.classes import load_class
from hugflow.serving.colink import Project
from hugflow.serving.dispatch_worker import make_flow
from hugflow.serving.records import Instance
from hugflow.testing.hub import LoopbackHub
from tests.flows.conftest import Sync
from tests.flows.hub import ATOMIC, CHAT, asking, publish, publish_atomic, publish_chat

WRITER = "acme/Writer"
LOAD = """
import sys
from pathlib import Path
from hugflow.flows.load import load_flow
from hugflow.flows.places import FlowPlaces
from hugflow.flows.trust import Trust, parse_allowed
allowed = tuple(parse_allowed(each) for each in sys.argv[2:])
loaded = load_flow(sys.argv[1], FlowPlaces(Path.cwd()), Trust(allowed), Path("cache").resolve())
print(loaded.flow_class().run({"question": "Ada"})["answer"])
"""


def trusting(*entries: str) -> Trust:
    return Trust(tuple(parse_allowed(entry) for entry in entries))


def load(root: Path, dotted: str, *allowed: str) -> "subprocess.CompletedProcess[str]":
    """Load and run a flow in a process of its own."""
    command = [sys.executable, "-c", LOAD, dotted, *allowed]
    return subprocess.run(
        command, cwd=root, capture_output=True, text=True, check=False, env=dict(os.environ)
    )


def test_syncing_runs_nothing_and_running_what_is_not_allowed_is_refused_by_name(
    module_hub: LoopbackHub, root: Path, sync: Sync
):
    marker = root / "ran"
    code = f"open({str(marker)!r}, 'w')\nfrom hugflow.flows import Flow\nclass W(Flow): pass\n"
    commit = publish(module_hub, WRITER, {"__init__.py": code, "setup.py": code})
    sync(WRITER)
    sync(WRITER)
    refused = load(root, "flow_modules.acme.Writer.W")
    assert "UntrustedFlowModule: acme/Writer is not on the allow list" in refused.stderr
    assert f"acme/Writer@{commit}" in refused.stderr
    assert not marker.exists()
    load(root, "flow_modules.acme.Writer.W", WRITER)
    assert marker.exists()


SYNC_WRITER = (
    "from hugflow.flows import flow_verse\nflow_verse.sync_dependencies([{'url': 'acme/Writer'}])\n"
)
OWN = """
from hugflow.flows import CompositeFlow

class Own(CompositeFlow):
    defaults = {"subflows_config": {"a": {"flow_class_name": "flow_modules.acme.Writer.W"}}}

    def run(self, data):
        return {"answer": self.subflows["a"].run(data)}

class Outer(CompositeFlow):
    defaults = {"subflows_config": {"own": {"flow_class_name": "%s.Own"}}}

    def run(self, data):
        return self.subflows["own"].run(data)
"""


@pytest.fixture
def marker(module_hub: LoopbackHub, root: Path, sync: Sync) -> Path:
    """The file that the synced module acme/Writer writes as soon as it is imported."""
    marker = root / "ran"
    code = (
        f"open({str(marker)!r}, 'w')\nfrom hugflow.flows import Flow\n"
        "class W(Flow):\n    def run(self, data): return 'written'\n"
    )
    publish(module_hub, WRITER, {"__init__.py": code})
    sync(WRITER)
    return marker


def test_a_subflow_of_a_project_s_own_composite_is_not_run_before_its_module_is_allowed(
    root: Path, marker: Path
):
    (root / "own_flows.py").write_text(OWN % "own_flows")
    refused = load(root, "own_flows.Own")
    assert "UntrustedFlowModule: acme/Writer is not on the allow list" in refused.stderr
    assert not marker.exists()
    assert load(root, "own_flows.Own", WRITER).stdout == "written\n"


IMPORTER = """
from hugflow.flows import Flow
%sfrom flow_modules.acme.Writer import W

class Own(Flow):
    def run(self, data):
        from flow_modules.acme.Writer import W
        return {"answer": W().run(data)}
"""


@pytest.mark.parametrize("when", ["", "# "], ids=["as it is loaded", "as it runs"])
def test_a_module_that_may_not_run_is_not_imported_by_code_that_may(
    module_hub: LoopbackHub, root: Path, sync: Sync, marker: Path, when: str
):
    code = IMPORTER % when
    (root / "own_flows.py").write_text(code)
    publish(module_hub, "acme/Importer", {"__init__.py": code})
    sync("acme/Importer")
    for dotted, allowed in (
        ("own_flows.Own", ()),
        ("flow_modules.acme.Importer.Own", ("acme/Importer",)),
    ):
        refused = load(root, dotted, *allowed)
        assert "UntrustedFlowModule: acme/Writer is not on the allow list" in refused.stderr
        assert not marker.exists()
        assert load(root, dotted, WRITER, *allowed).stdout == "written\n", dotted
        marker.unlink()


def test_a_module_that_is_not_there_is_no_import_for_python(root: Path, sync: Sync):
    code = "try:\n    import flow_modules.acme.Gone\nexcept ImportError:\n    word = 'none'\n"
    code += "from hugflow.flows import Flow\nclass Own(Flow):\n"
    (root / "own_flows.py").write_text(code + "    def run(self, data): return {'answer': word}\n")
    sync()
    assert load(root, "own_flows.Own").stdout == "none\n"


@pytest.mark.slow
def test_a_step_does_not_run_a_subflow_of_a_subflow_whose_module_is_not_allowed(
    root: Path, marker: Path
):
    (root / "own_flows.py").write_text(OWN % "own_flows")
    step = LocalStep("own_flows.Outer", {}, ("answer",), False, 60)
    with LocalRunner(step, FlowPlaces(root), Trust()) as runner, pytest.raises(FlowError) as error:
        runner.run([{}])
    assert "acme/Writer is not on the allow list" in error.value.why
    assert not marker.exists()


def test_a_served_composite_does_not_run_subflows_whose_modules_are_not_allowed(
    root: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
):
    name = f"own_served_{root.name.replace('-', '_')}"
    (root / f"{name}.py").write_text(OWN % name)
    monkeypatch.syspath_prepend(root)
    project = Project(root, Trust())
    with pytest.raises(UntrustedFlowModule, match="acme/Writer"):
        load_class(project, f"{name}.Own")
    instance = Instance("1", "outer", f"{name}.Outer", "local", "here", False, False, None, {}, {})
    with pytest.raises(UntrustedFlowModule, match="acme/Writer"):
        make_flow(SimpleNamespace(project=project), instance)  # type: ignore[arg-type]
    assert not marker.exists()


def test_a_worker_does_not_run_old_code_of_a_module_that_was_synced_again(
    module_hub: LoopbackHub, root: Path, monkeypatch: pytest.MonkeyPatch
):
    code = "from hugflow.flows import Flow\nclass A(Flow): pass\nclass B(Flow): pass\n"
    publish(module_hub, WRITER, {"__init__.py": code})
    environment = {**os.environ, "HF_ENDPOINT": module_hub.endpoint}
    sync_it = [sys.executable, "-c", SYNC_WRITER]
    subprocess.run(sync_it, cwd=root, check=True, env=environment)
    monkeypatch.setattr(sys, "pycache_prefix", sys.pycache_prefix)
    project = Project(root, trusting(WRITER))
    load_class(project, "flow_modules.acme.Writer.A")
    load_class(project, "flow_modules.acme.Writer.A")
    publish(module_hub, WRITER, {"more.py": "x = 1\n"})
    subprocess.run(sync_it, cwd=root, check=True, env=environment)
    for name in ("A", "B"):
        with pytest.raises(UntrustedFlowModule, match="acme/Writer was synced again"):
            load_class(project, f"flow_modules.acme.Writer.{name}")


def test_a_step_s_configuration_names_no_code_at_any_depth(tmp_path: Path):
    config = {"subflows_config": {"x": {"flow_class_name": "flow_modules.acme.Writer.W"}}}
    step = {"name": "a", "flow": "hugflow.flows.CompositeFlow", "config": config}
    with pytest.raises(FieldInvalid, match=r"config\.subflows_config\.x\.flow_class_name"):
        flow_steps([step])
    with pytest.raises(FlowConfigInvalid, match=r"x\.flow_class_name cannot be set"):
        prepare_step(
            "hugflow.flows.CompositeFlow", config, (), False, str(tmp_path), Trust(), "", ()
        )
    with pytest.raises(FlowConfigInvalid, match=r"x\.flow_class_name cannot be set"):
        CompositeFlow(**config)


def test_a_class_may_name_the_subflows_of_a_subflow_that_has_none_of_its_own():
    deep = {"flow_class_name": "hugflow.flows.shipped.NormaliseText.NormaliseText"}
    inner = {"flow_class_name": "hugflow.flows.CompositeFlow", "subflows_config": {"deep": deep}}

    class Tree(CompositeFlow):
        defaults: ClassVar[Mapping[str, Any]] = {"subflows_config": {"inner": inner}}

    found = Tree().subflows["inner"]
    assert isinstance(found, CompositeFlow)
    assert list(found.subflows) == ["deep"]


@pytest.mark.parametrize(
    ("entries", "is_allowed"),
    [
        (["{chat}", "{atomic}"], True),
        (["saibo/*", "martinjosifoski/*"], True),
        ([CHAT, ATOMIC], True),
        (["{chat}"], False),
        (["{atomic}"], False),
        (["{chat}", f"{ATOMIC}@{'0' * 40}"], False),
        (["saib/*", "{atomic}"], False),
        (["SAIBO/*", "{atomic}"], False),
    ],
)
def test_a_module_and_all_that_it_asks_for_must_be_allowed(
    module_hub: LoopbackHub, root: Path, sync: Sync, entries: list[str], is_allowed: bool
):
    atomic = publish_atomic(module_hub)
    chat = publish_chat(module_hub, atomic)
    sync(CHAT)
    commits = {"chat": f"{CHAT}@{chat}", "atomic": f"{ATOMIC}@{atomic}"}
    trust = trusting(*(entry.format(**commits) for entry in entries))
    modules = [parse_module_id(CHAT)]
    if is_allowed:
        closure = check_trust(FlowPlaces(root), modules, trust)
        assert {str(module) for module in closure} == {CHAT, ATOMIC}
    else:
        with pytest.raises(UntrustedFlowModule):
            check_trust(FlowPlaces(root), modules, trust)


def test_a_trusted_flow_runs_in_a_process_of_its_own(
    module_hub: LoopbackHub, root: Path, sync: Sync
):
    publish_chat(module_hub, publish_atomic(module_hub))
    sync(CHAT)
    done = load(root, "flow_modules.saibo.ChatFlows.ChatGPT4", CHAT, ATOMIC)
    assert done.stdout == "Good day, Ada\n", done.stderr


def test_a_dependency_that_was_changed_by_a_byte_is_refused(
    module_hub: LoopbackHub, root: Path, sync: Sync
):
    publish_chat(module_hub, publish_atomic(module_hub))
    sync(CHAT)
    path = root / "flow_modules" / ATOMIC / "ChatAtomicFlow.yaml"
    path.write_text("greeting: Hallo\n")
    with pytest.raises(UntrustedFlowModule, match="ChatAtomicFlow, which saibo/ChatFlows asks for"):
        check_trust(FlowPlaces(root), [parse_module_id(CHAT)], trusting(CHAT, ATOMIC))


def test_compiled_files_that_somebody_planted_are_not_run(
    module_hub: LoopbackHub, root: Path, sync: Sync, tmp_path: Path
):
    publish_atomic(module_hub)
    [folder] = sync(ATOMIC)
    source = folder / "ChatAtomicFlow.py"
    text = source.read_text()
    # Python takes a cache for the source's by its time and size.
    times = source.stat()
    for content in (text.replace("question", "greeting"), text):
        source.write_text(content)
        os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
        if content != text:
            py_compile.compile(str(source))
    assert list((folder / "__pycache__").iterdir())
    done = load(root, "flow_modules.martinjosifoski.ChatAtomicFlow.ChatAtomicFlow", ATOMIC)
    assert done.stdout == "Hello Ada\n", done.stderr


def test_a_local_folder_is_run_only_where_local_folders_are_allowed(
    root: Path, sync: Sync, tmp_path: Path
):
    (tmp_path / "mine").mkdir()
    sync(f"acme/Mine:{tmp_path / 'mine'}")
    modules = [parse_module_id("acme/Mine")]
    with pytest.raises(UntrustedFlowModule, match="acme/Mine is a local folder"):
        check_trust(FlowPlaces(root), modules, trusting("acme/Mine"))
    assert check_trust(FlowPlaces(root), modules, Trust(allow_local=True))


def test_what_is_not_synced_is_not_run(root: Path):
    with pytest.raises(UntrustedFlowModule, match="not synced"):
        check_trust(FlowPlaces(root), [parse_module_id(CHAT)], trusting(CHAT))
    with pytest.raises(FlowModuleNotFound, match=r"flow_modules\.saibo\.ChatFlows"):
        load_flow("flow_modules.saibo.ChatFlows.C", FlowPlaces(root), Trust(), root / "cache")


def test_a_module_that_was_synced_to_another_commit_is_not_mixed_with_what_was_loaded(
    module_hub: LoopbackHub, root: Path, sync: Sync
):
    publish_atomic(module_hub)
    sync(ATOMIC)
    places, modules = FlowPlaces(root), [parse_module_id(ATOMIC)]
    loaded = check_trust(places, modules, trusting(ATOMIC))
    refuse_replaced(places, list(loaded.values()))
    publish(module_hub, ATOMIC, {"README.md": "second\n"})
    sync(ATOMIC)
    with pytest.raises(UntrustedFlowModule, match="synced again"):
        refuse_replaced(places, list(loaded.values()))
    now = check_trust(places, modules, trusting(ATOMIC))
    assert digest_closure(places, now) != digest_closure(places, loaded)


def test_a_flow_that_runs_fetches_no_module(module_hub: LoopbackHub, root: Path, sync: Sync):
    publish(module_hub, "acme/Late", {"__init__.py": "x = 1\n"})
    code = (
        "from flows import flow_verse\n"
        "flow_verse.sync_dependencies([{'url': 'acme/Late'}])\n"
        "from hugflow.flows import Flow\n"
        "class F(Flow): pass\n"
    )
    publish(module_hub, "acme/Early", {"__init__.py": code})
    sync("acme/Early")
    module_hub.clear_requests()
    done = load(root, "flow_modules.acme.Early.F", "acme/*")
    assert "flow_modules.acme.Early needs acme/Late:main, which is not synced" in done.stderr
    assert module_hub.requests == ()


def test_importing_a_module_by_hand_fetches_what_it_asks_for(
    module_hub: LoopbackHub, root: Path, sync: Sync, monkeypatch: pytest.MonkeyPatch
):
    publish(module_hub, "acme/Late", {"__init__.py": "x = 1\n"})
    endpoint = module_hub.endpoint
    call = f"flow_verse.sync_dependencies([{{'url': 'acme/Late'}}], endpoint={endpoint!r})"
    code = f"from flows import flow_verse\n{call}\nfrom flow_modules.acme.Late import x\n"
    publish(module_hub, "acme/Early", {"__init__.py": code})
    sync("acme/Early")
    assert importlib.import_module("flow_modules.acme.Early").x == 1
    assert "acme/Late\tmain" in (root / "flow_modules" / "flow.mod").read_text()


@pytest.mark.parametrize(
    "entry", ["a/b@main", "a/b@1234567", "*", "*/*", "a", "a/*@x", 3, None, ""]
)
def test_an_entry_that_allows_too_much_or_nothing_is_refused(entry: object):
    with pytest.raises(ValueError, match=r"allows no commit|flow module"):
        parse_allowed(entry)


def test_a_module_that_asks_for_itself_in_a_circle_is_checked_once(
    module_hub: LoopbackHub, root: Path, sync: Sync
):
    publish(module_hub, "acme/A", {"a.py": asking("acme/B")})
    publish(module_hub, "acme/B", {"b.py": asking("acme/A")})
    assert len(sync("acme/A")) == 2
    assert len(check_trust(FlowPlaces(root), [parse_module_id("acme/A")], trusting("acme/*"))) == 2
