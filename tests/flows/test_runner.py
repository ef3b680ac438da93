"""A step in a worker process: whatever its flow does costs its row, and no more."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hugflow.errors import FlowError
from hugflow.flows.own_code import digest_own_code
from hugflow.flows.places import FlowPlaces
from hugflow.flows.records import read_lock
from hugflow.flows.runner import LocalRunner, LocalStep
from hugflow.flows.trust import Trust, parse_allowed
from hugflow.testing.hub import LoopbackHub
from tests.flows.conftest import Sync
from tests.flows.hub import publish
from tests.flows.test_shipped import publish_shipped

pytestmark = pytest.mark.slow

FLOW = '''
import os, signal, sys, time
from hugflow.flows import AtomicFlow

class Never(AtomicFlow):
    defaults = {"word": "done"}

    def __init__(self, **config):
        super().__init__(**config)
        time.sleep(60)


class Halves(AtomicFlow):
    def __init__(self, **config):
        raise ValueError("half \\ud800 of a pair, hf_" + 34 * "a")


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")


class Raises(dict):
    def __getitem__(self, name):
        raise RuntimeError("no value")


class F(AtomicFlow):
    """Does what a row says."""

    defaults = {"word": "done"}

    def run(self, data):
        match data["do"]:
            case "raise":
                raise ValueError("no such voice")
            case "half of a pair":
                raise ValueError("half \\ud800 of a pair")
            case "exit":
                sys.exit(3)
            case "leave":
                os._exit(3)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "sleep":
                time.sleep(60)
            case "swallow":
                while True:
                    try:
                        time.sleep(60)
                    except Exception:
                        pass
            case "swallow all":
                while True:
                    try:
                        time.sleep(60)
                    except BaseException:
                        pass
            case "block":
                signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
                time.sleep(60)
            case "print":
                print("{}", flush=True)
                os.write(1, b"garbage" * 1000)
            case "fork":
                os.fork()
            case "drop":
                return None
            case "list":
                return [1]
            case "nan":
                return {"said": float("nan")}
            case "half":
                return {"said": chr(0xD800)}
            case "half a word":
                raise ValueError(chr(0xD800))
            case "less":
                return {}
            case "object":
                return {"said": object()}
            case "no text":
                raise Mute
            case "mapping":
                return Raises(said=1)
            case "environment":
                return {"said": sorted(os.environ)}
            case "close":
                os.closerange(3, 100)
        return {"said": self.config["word"], "more": 1}

class B(F):
    def run_batch(self, batch):
        return super().run_batch(batch)
'''

Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs what each row says, in a worker."""
    (tmp_path / "my_flows.py").write_text(FLOW)
    monkeypatch.setenv("HF_TOKEN", "hf_made_up_token_of_mine")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-made-up")
    runners: list[LocalRunner] = []

    def run(
        *deeds: str,
        flow: str = "F",
        timeout_s: float = 30.0,
        config: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        config = {"word": "ok"} if config is None else config
        step = LocalStep(f"my_flows.{flow}", config, ("said",), flow == "B", timeout_s)
        runner = LocalRunner(step, FlowPlaces(tmp_path), Trust())
        runners.append(runner)
        return runner.run([{"do": deed} for deed in deeds])

    yield run
    for runner in runners:
        runner.close()


DONE = {"out": {"said": "ok"}}


@pytest.mark.parametrize("flow", ["F", "B"])
@pytest.mark.parametrize(
    ("deed", "outcome"),
    [
        ("raise", "ValueError: no such voice"),
        ("exit", "SystemExit: 3"),
        ("half of a pair", "ValueError: half ? of a pair"),
        ("leave", "left with status 3"),
        ("kill", "SIGKILL"),
        ("list", "list"),
        ("nan", "JSON"),
        ("half", "surrogates not allowed"),
        ("half a word", "ValueError"),
        ("less", "not said"),
        ("object", "object, which is not JSON serializable"),
        ("no text", "Mute"),
        ("mapping", "RuntimeError: no value"),
    ],
)
def test_what_a_row_does_costs_that_row(run: Run, deed: str, outcome: str, flow: str):
    before, found, after = run("", deed, "", flow=flow)
    assert (before, after) == (DONE, DONE)
    assert outcome in found["error"]


@pytest.mark.parametrize("deed", ["print", "fork"])
def test_a_flow_that_prints_or_forks_disturbs_nothing(run: Run, deed: str):
    assert run("", deed, "") == [DONE, DONE, DONE]


@pytest.mark.parametrize("deed", ["sleep", "swallow"])
def test_a_row_that_does_not_end_is_ended_when_its_time_is_over(run: Run, deed: str):
    began = time.monotonic()
    before, found, after = run("", deed, "", timeout_s=0.5)
    assert (before, after) == (DONE, DONE)
    assert "within 0.5 s" in found["error"]
    assert time.monotonic() - began < 20


def test_a_row_that_goes_on_after_its_time_does_not_take_the_time_of_others(run: Run):
    began = time.monotonic()
    outcomes = run(*("" for _ in range(60)), "swallow all", timeout_s=0.5)
    assert outcomes[:-1] == [DONE] * 60
    assert "within 0.5 s" in outcomes[-1]["error"]
    # Its own time and what may follow, twice; all rows together had half a minute.
    assert time.monotonic() - began < 20


def test_a_flow_that_is_never_ready_cannot_be_run(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hugflow.flows.runner.READY_WITHIN_S", 1.0)
    with pytest.raises(FlowError, match="cannot be run") as error:
        run("", flow="Never", timeout_s=0.5)
    assert "not ready within 1 s" in error.value.why


@pytest.mark.parametrize("end", ["raise SystemExit(5)", "import os; os._exit(5)"])
def test_a_flow_whose_code_ends_the_process_as_it_is_loaded_costs_one_start(
    run: Run, tmp_path: Path, end: str
):
    starts = tmp_path / "starts"
    text = f"with open({str(starts)!r}, 'a') as file:\n    file.write('x')\n{end}\n"
    (tmp_path / "my_flows.py").write_text(text + FLOW)
    with pytest.raises(FlowError, match="cannot be run") as error:
        run(*[""] * 20)
    assert "its process left with status 5 as it was started" in error.value.why
    assert starts.read_text() == "x"


def test_a_row_that_cannot_be_interrupted_costs_its_worker_and_no_other_row(
    run: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hugflow.flows.runner.GRACE_S", 0.5)
    before, found, after = run("", "block", "", timeout_s=0.5)
    assert (before, after) == (DONE, DONE)
    assert "was ended" in found["error"]


def test_a_flow_that_reads_its_environment_sees_no_token(run: Run):
    [found] = run("environment")
    names = set(found["out"]["said"])
    assert "PATH" in names
    assert not {name for name in names if "TOKEN" in name or name.startswith(("HF_", "SLACK"))}


def test_a_filtered_row_is_told_from_one_without_output(run: Run):
    assert run("drop") == [{"dropped": True}]


def test_an_error_of_a_flow_that_cannot_be_made_is_text_without_secrets(run: Run):
    with pytest.raises(FlowError) as error:
        run("", flow="Halves")
    assert "ValueError: half ? of a pair" in error.value.why
    assert "aaaa" not in error.value.why


@pytest.mark.parametrize("flow", ["Missing", "F.x"])
def test_a_flow_that_cannot_be_loaded_is_an_error_of_the_step(run: Run, flow: str):
    with pytest.raises(FlowError, match=r"my_flows\."):
        run("", flow=flow)


@pytest.mark.parametrize(
    ("flow", "config", "mend"),
    [("F", {"wrod": 1}, "did you mean 'word'?"), ("Nevr", {}, "did you mean Never?")],
)
def test_a_misspelt_class_or_value_of_a_step_is_told_with_the_nearest_name(
    run: Run, flow: str, config: dict[str, Any], mend: str
):
    with pytest.raises(FlowError) as error:
        run("", flow=flow, config=config)
    assert error.value.mend == mend
    assert "hugflow.errors" not in error.value.why


def test_a_module_that_is_not_allowed_is_not_run(module_hub: LoopbackHub, root: Path, sync: Sync):
    publish_shipped(module_hub)
    sync("hugflow/TextTools")
    dotted = "flow_modules.hugflow.TextTools.NormaliseText"
    step = LocalStep(dotted, {}, ("text_norm",), False, 60)
    with (
        LocalRunner(step, FlowPlaces(root), Trust()) as runner,
        pytest.raises(FlowError) as error,
    ):
        runner.run([{"text": "a"}])
    assert "hugflow/TextTools is not on the allow list" in error.value.why


@pytest.mark.parametrize("is_started", [True, False])
def test_a_module_that_was_synced_again_meanwhile_ends_the_step(
    module_hub: LoopbackHub, root: Path, sync: Sync, is_started: bool
):
    publish_shipped(module_hub)
    sync("hugflow/TextTools")
    places, [synced] = FlowPlaces(root), read_lock(root / "flow_modules" / "flow.mod").values()
    dotted = "flow_modules.hugflow.TextTools.NormaliseText"
    step = LocalStep(dotted, {}, ("text_norm",), False, 60, (synced.synced,))
    trust = Trust((parse_allowed("hugflow/TextTools"),))
    with LocalRunner(step, places, trust) as runner:
        if is_started:
            assert runner.run([{"text": " a"}]) == [{"out": {"text_norm": "a"}}]
        publish(module_hub, "hugflow/TextTools", {"more.py": "x = 1\n"})
        sync("hugflow/TextTools")
        with pytest.raises(FlowError) as error:
            runner.run([{"text": "b"}])
    assert "hugflow/TextTools was synced again while its code runs" in error.value.why


@pytest.mark.parametrize("deed", ["print", "kill"])
def test_what_workers_compiled_is_deleted_when_the_step_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: str
):
    root, temporary = tmp_path / "project", tmp_path / "temporary"
    root.mkdir()
    temporary.mkdir()
    (root / "my_flows.py").write_text(FLOW)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    step = LocalStep("my_flows.F", {"word": "ok"}, ("said",), is_batched=False, timeout_s=30.0)
    with LocalRunner(step, FlowPlaces(root), Trust()) as runner:
        runner.run([{"do": deed}])
        assert list(temporary.rglob("my_flows*.pyc"))
    assert list(temporary.iterdir()) == []


def test_code_of_the_project_that_changed_since_the_step_was_resolved_is_refused(tmp_path: Path):
    file = tmp_path / "changing.py"
    file.write_text(FLOW)
    places = FlowPlaces(tmp_path)
    code = digest_own_code(places, "changing.F", code_only=True)
    file.write_text(FLOW + "# changed\n")
    step = LocalStep("changing.F", {}, ("said",), False, 5.0, own_code=code)
    with (
        LocalRunner(step, places, Trust()) as runner,
        pytest.raises(FlowError, match="cannot be run") as refused,
    ):
        runner.run([{"do": "say"}])
    assert "the code of changing.F has changed since the step began" in refused.value.why
    assert refused.value.mend.startswith("run the same command again")
