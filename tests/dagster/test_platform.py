"""From a push to main to a link, and what happens on the way, in each layout of processes."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from hugflow.ledger.stages import FLOWS, STAGE_NAMES
from hugflow.settings import load_settings
from hugflow.store.layout import Places
from hugflow.store.trash import read_entries
from hugflow.testing.faults import Match, Stall
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_tables, publish_text, speech_table
from hugflow.testing.speech import encode, speech_like
from hugflow_resources.instance import open_instance, prepare_instance
from tests.crash.codec import crashing_codec, marked_clip
from tests.dagster.conftest import Project, wait_until
from tests.dagster.layouts import Platform, Start, kill
from tests.flows.hub import publish
from tests.trees import read_failures

pytestmark = pytest.mark.slow

SHARDS = 5
MODULE = "platform/Steps"
LOUD = """\
    from hugflow.flows import AtomicFlow

    class Loud(AtomicFlow):
        def run(self, data):
            return {"loud": data["text"].upper()}
    """
STEPS = f"""\
flows:
  - {{name: loud, use: {MODULE}, flow: Loud, rows: {{in: [text], out: [loud]}}}}
"""
ENDED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


@pytest.fixture
def start(project: Project) -> Start:
    """Start the platform on a project: `start("services")`."""

    def begin(layout: str) -> Platform:
        prepare_instance(project.root, slots=5)
        platform = Platform(project, layout)
        platform.start()
        wait_until(platform.is_up, 120, "the web server knows the sensor")
        return platform

    return begin


def name_of(hf_id: str, revision: str = "main") -> str:
    return f"{hf_id.replace('/', '__')}__split_train__rev_{revision}"


def request(hf_id: str, more: str = "") -> dict[str, str]:
    """The file that asks for a dataset, by its path."""
    own = hf_id.partition("/")[2]
    return {f"requests/add/{own}.yaml": f"hf_id: {hf_id}\ndescription: For tests\n{more}"}


def publish_long(hub: LoopbackHub, hf_id: str, shards: int = SHARDS) -> None:
    """A dataset that takes some seconds to encode, and hardly any to publish."""
    clip = speech_table(1, seconds=120.0, seed=3)
    table = pa.concat_tables([clip] * (12 * shards))
    publish_tables(hub, hf_id, {"default": {"train": table}}, shards=shards)


class Watch:
    """What is looked at from outside: disk and event log."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.root = platform.project.root

    @property
    def places(self) -> Places:
        return load_settings(self.root).places

    def until(self, is_so: Callable[[], bool], what: str, timeout_s: float = 180) -> None:
        try:
            wait_until(is_so, timeout_s, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.platform.log()[-6000:]}") from None

    def is_linked(self, name: str) -> bool:
        return self.places.link(name).is_symlink()

    def is_green(self, name: str, shards: int, *more: str) -> bool:
        with open_instance(self.root) as instance:
            keys = [dg.AssetKey([name, stage]) for stage in (*STAGE_NAMES, *more)]
            return all(len(instance.get_materialized_partitions(key)) == shards for key in keys)

    def runs(self, name: str = "") -> list[dg.DagsterRun]:
        with open_instance(self.root) as instance:
            found = instance.get_runs()
        made = [run for run in found if any(k.path[0] == name for k in run.asset_selection or ())]
        return made if name else list(found)

    def all_ended(self) -> bool:
        return all(run.status in ENDED for run in self.runs())

    def shards_done(self, name: str) -> int:
        return len(list((self.places.state_dir / "ledger" / name).glob("*/*.metadata.json")))

    def json_times(self, name: str) -> dict[Path, int]:
        return {p: p.stat().st_mtime_ns for p in self.places.dataset(name).json.glob("*.json")}


# `up` has stories of its own below, in tests/e2e and in tests/browser.
@pytest.mark.parametrize("layout", ["dev", "services", pytest.param("up", marks=pytest.mark.soak)])
def test_a_push_to_main_does_the_rest_and_main_stays_in_command(
    layout: str, start: Start, hub: LoopbackHub, project: Project
):
    first, second, third = (f"platform/{word}-{layout}" for word in ("one", "two", "three"))
    publish_long(hub, first, shards=3)
    publish_text(hub, second, rows=4, shards=2)
    publish_text(hub, third, rows=4, shards=1)
    watch = Watch(start(layout))

    # Two requests, the second with a step and while the first runs, and a broken file beside them.
    project.push(request(first))
    watch.until(lambda: watch.shards_done(name_of(first)) >= 1, "a shard of the first")
    publish(hub, MODULE, {"__init__.py": LOUD})
    allowed = {"hugflow.yaml": f"flows:\n  allow: [{MODULE}]\n"}
    broken = {"requests/add/broken.yaml": "hf_id: [\n"}
    project.push({**request(second, STEPS), **allowed, **broken})
    watch.until(lambda: watch.is_linked(name_of(second)), "the link of the second")
    watch.until(lambda: watch.is_linked(name_of(first)), "the link of the first")
    watch.until(lambda: watch.is_green(name_of(first), 3), "the first is green")
    watch.until(lambda: watch.is_green(name_of(second), 2, FLOWS), "the second is green")
    if layout != "services":
        # What main asks for afterwards reaches the sensor in each layout by the same way.
        watch.until(watch.all_ended, "all runs have ended")
        assert {run.status for run in watch.runs()} == {dg.DagsterRunStatus.SUCCESS}
        if layout == "up":
            watch.platform.stop()
        return

    # The remote is gone for a while.
    away = project.remote.with_name("away.git")
    project.remote.rename(away)
    watch.until(lambda: "main cannot be read" in watch.platform.log(), "the sensor says so")
    assert watch.is_linked(name_of(first))
    away.rename(project.remote)
    project.push(request(third))
    watch.until(lambda: watch.is_linked(name_of(third)), "the link of the third")

    # A request is edited to another revision: another dataset, and the old one stays.
    commit = hub.publish(third, {"NOTES.md": b"more words"})
    project.push(request(third, f"revision: {commit}\n"))
    edited = name_of(third, commit)
    watch.until(lambda: watch.is_linked(edited), "the link of the other revision")
    assert watch.is_linked(name_of(third))

    # A removal.
    own = second.partition("/")[2]
    project.push({f"requests/remove/{own}.yaml": f"hf_id: {second}\nreason: Replaced\n"})
    watch.until(lambda: not watch.places.dataset(name_of(second)).root.exists(), "it is removed")
    watch.until(lambda: not watch.is_linked(name_of(second)), "its link has gone")
    assert [entry.name for entry in read_entries(watch.places)] == [name_of(second)]
    watch.until(watch.all_ended, "all runs have ended")
    assert {run.status for run in watch.runs()} == {dg.DagsterRunStatus.SUCCESS}
    watch.platform.stop()


def test_whatever_is_killed_finished_shards_stay_and_the_rest_is_done_once(
    start: Start, hub: LoopbackHub, project: Project
):
    watch = Watch(start("services"))
    for part in ("run", "code", "daemon"):
        hf_id = f"platform/killed-{part}"
        name = name_of(hf_id)
        publish_long(hub, hf_id)
        project.push(request(hf_id))
        watch.until(lambda name=name: watch.shards_done(name) >= 1, "a first shard")
        if part == "run":
            # Two, where the look for drift is a run as well.
            for worker in watch.platform.run_workers():
                kill(worker)
        else:
            watch.platform.kill(part)
        finished = watch.json_times(name)
        assert not watch.is_linked(name), part
        watch.platform.start()
        watch.until(lambda name=name: watch.is_linked(name), "the link")
        watch.until(lambda name=name: watch.is_green(name, SHARDS), "all is green")
        watch.until(watch.all_ended, "no run stays started")
        after = watch.json_times(name)
        assert {path: after[path] for path in finished} == finished, part
        statuses = [run.status for run in watch.runs(name)]
        # The last run did the rest; a run that was killed has failed, and no other was needed.
        assert statuses[0] is dg.DagsterRunStatus.SUCCESS, part
        assert len(statuses) == (2 if part == "run" else 1), part


# What the codec does to a command is told in tests/crash/test_codec_crashes.py.
@pytest.mark.soak
def test_a_clip_that_crashes_a_codec_costs_its_row_and_no_run(
    start: Start,
    hub: LoopbackHub,
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    for variable, value in crashing_codec(tmp_path).items():
        monkeypatch.setenv(variable, value)
    hf_id, crashing = "platform/crashing", (5, 33)
    broken = dict.fromkeys(crashing, marked_clip())
    publish_speech(hub, hf_id, rows=40, shards=2, seconds=0.1, broken_rows=broken)
    name = name_of(hf_id)
    watch = Watch(start("services"))
    project.push(request(hf_id, 'max_bad_rows: "10%"\n'))
    watch.until(lambda: watch.is_linked(name), "the link")
    watch.until(watch.all_ended, "no run stays started")
    failures = [(line["row"], line["code"]) for line in read_failures(watch.places.dataset(name))]
    assert failures == [(row, "codec_crashed") for row in crashing]
    assert watch.json_times(name).keys() == {
        watch.places.dataset(name).json / f"{row}.json" for row in {*range(40)} - {*crashing}
    }
    [done] = watch.runs(name)
    assert done.status is dg.DagsterRunStatus.SUCCESS


# With real speech, and `dagster dev`, in tests/e2e/test_prompts_by_dagster.py.
@pytest.mark.soak
def test_after_the_machine_went_down_no_run_stays_started(
    start: Start, hub: LoopbackHub, project: Project
):
    hf_id = "platform/machine"
    name = name_of(hf_id)
    publish_long(hub, hf_id)
    watch = Watch(start("up"))
    project.push(request(hf_id))
    watch.until(lambda: watch.shards_done(name) >= 1, "a first shard")
    watch.platform.kill_all()
    assert not watch.is_linked(name)
    watch.platform.start()
    watch.until(lambda: watch.is_linked(name), "the link")
    watch.until(watch.all_ended, "no run stays started")


def test_up_starts_again_what_ends_by_itself(start: Start, hub: LoopbackHub, project: Project):
    hf_ids = [f"platform/up-{number}" for number in range(2)]
    for hf_id in hf_ids:
        publish_text(hub, hf_id, rows=4, shards=1)
    watch = Watch(start("up"))
    # The first request lets the code server load itself anew; after that it stays the same.
    project.push(request(hf_ids[0]))
    watch.until(lambda: watch.is_linked(name_of(hf_ids[0])) and watch.all_ended(), "the first link")
    # A code server that was killed leaves its child behind for a while: the child goes first.
    for part in ("api grpc", "code-server", "hugflow_resources.plain_log"):
        watch.until(
            lambda part=part: watch.platform.is_up() and bool(watch.platform.pids_of(part)),
            f"{part} is at work",
        )
        noticed = watch.platform.log().count("it is started again")
        kill(watch.platform.pids_of(part)[0])
        watch.until(
            lambda noticed=noticed: watch.platform.log().count("it is started again") > noticed,
            f"the end of {part} is noticed",
        )
    # It takes all of them.
    project.push(request(hf_ids[1]))
    watch.until(
        lambda: watch.is_linked(name_of(hf_ids[1])) and watch.all_ended(), "the second link"
    )


def publish_endless(hub: LoopbackHub, hf_id: str) -> None:
    """Some rows, and then a clip that takes longer to encode than a person waits."""
    voice = np.tile(speech_like(60.0, 16_000, seed=3), 25)
    long = speech_table(1, broken_rows={0: encode(voice, 16_000, "flac")})
    short = speech_table(40, seconds=1.0)
    table = pa.concat_tables([short, long.select(short.column_names)] * 2)
    publish_tables(hub, hf_id, {"default": {"train": table}}, shards=1)


def publish_stalling(hub: LoopbackHub, hf_id: str) -> None:
    """A first file of some rows, and a second one that does not come."""
    publish_speech(hub, hf_id, rows=80, shards=2, seconds=1.0)
    # Its footer is read, by a range; the whole of it is not to be had.
    second = Match(path="*/train-00001-of-00002.parquet", has_range=False)
    hub.inject(Stall(60.0), when=second, times=None)


@pytest.mark.parametrize("publish", [publish_endless, publish_stalling])
def test_a_run_that_is_terminated_in_the_ui_ends_soon_with_its_rows_safe(
    publish: Callable[[LoopbackHub, str], None], start: Start, hub: LoopbackHub, project: Project
):
    hf_id = f"platform/{publish.__name__.replace('_', '-')}"
    name = name_of(hf_id)
    publish(hub, hf_id)
    watch = Watch(start("services"))
    project.push(request(hf_id))
    watch.until(lambda: len(watch.json_times(name)) >= 40, "some rows")
    (run,) = watch.runs(name)
    finished = watch.json_times(name)
    mutation = "mutation($id: String!) { terminateRun(runId: $id) { __typename } }"
    told = watch.platform.ask(mutation, id=run.run_id)
    assert told["terminateRun"]["__typename"] == "TerminateRunSuccess"
    watch.until(watch.all_ended, "the run has ended", 10)
    (run,) = watch.runs(name)
    assert run.status is dg.DagsterRunStatus.CANCELED
    after = watch.json_times(name)
    assert {path: after[path] for path in finished} == finished
    assert not list(watch.places.dataset(name).audio.glob(".*"))
    watch.until(lambda: "was stopped by a person" in watch.platform.log(), "it is left alone", 40)


BACKFILL = """
mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
STATUS = """
query($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    __typename
    ... on PartitionBackfill { status error { message } }
  }
}
"""


def backfill(watch: Watch, name: str, *asked: tuple[list[str], list[str]]) -> list[str]:
    """What the button in the UI does, several times at once: how each of them ended.

    asked: the stages and the partition keys of each.
    """
    ids = []
    for stages, keys in asked:
        selection = [{"path": [name, stage]} for stage in stages]
        params = {"assetSelection": selection, "partitionNames": keys}
        told = watch.platform.ask(BACKFILL, params=params)["launchPartitionBackfill"]
        assert told["__typename"] == "LaunchBackfillSuccess", told
        ids.append(told["backfillId"])

    def statuses() -> list[str]:
        found = [watch.platform.ask(STATUS, id=backfill_id) for backfill_id in ids]
        return [each["partitionBackfillOrError"]["status"] for each in found]

    def have_ended() -> bool:
        return all(s.startswith(("COMPLETED", "FAILED", "CANCELED")) for s in statuses())

    watch.until(have_ended, "the backfills have ended")
    return statuses()


def test_backfills_over_missing_finished_and_failed_partitions_end_as_they_should(
    start: Start, hub: LoopbackHub, project: Project
):
    hf_id = "platform/backfill"
    name = name_of(hf_id)
    publish_speech(hub, hf_id, rows=8, shards=4, seconds=0.3, broken_rows={5: b"x"})
    watch = Watch(start("services"))
    # One bad row is too many, and the sensor's attempt has failed.
    project.push(request(hf_id, "max_bad_rows: 0\n"))
    watch.until(lambda: bool(watch.runs(name)) and watch.all_ended(), "the sensor's attempt")
    with open_instance(project.root) as instance:
        keys = list(instance.get_dynamic_partitions(f"{name}/shards"))
    some, whole = (["raw", "audio", "metadata"], keys[:2]), (list(STAGE_NAMES), keys)
    assert backfill(watch, name, some, whole) == ["COMPLETED_SUCCESS", "COMPLETED_FAILED"]
    project.push(request(hf_id, "max_bad_rows: 1\n"))
    watch.until(lambda: watch.is_linked(name), "the link, once the row is allowed")
    watch.until(watch.all_ended, "all runs have ended")
    before = watch.json_times(name)
    middle, audio = (list(STAGE_NAMES), keys[1:3]), (["audio"], keys[:1])
    assert backfill(watch, name, whole, middle, audio) == ["COMPLETED_SUCCESS"] * 3
    assert watch.json_times(name) == before
