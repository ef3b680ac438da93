"""Every record of ours, damaged in every way: no traceback, and the path where it matters."""

import ast
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import pytest

import hugflow
import hugflow_resources
import hugflow_sensors
from hugflow.audit import HEAD, Head
from hugflow.cli.running_up import RUNNING_UP, RunningUp
from hugflow.clients.part_file import MISSING, Missing
from hugflow.errors import StateUnreadable
from hugflow.flowrider.attempts import ATTEMPT_FORM, RunAttempt
from hugflow.ledger.markers import MARKER, Marker
from hugflow.ledger.progress import PROGRESS, Progress, read_progress, write_progress
from hugflow.notify.conversation import Conversation, Line
from hugflow.notify.deliver import LIMIT, Limit
from hugflow.notify.notices import NOTICE, Notice
from hugflow.notify.outbox import CONVERSATION
from hugflow.requests.catalog import CATALOG, Catalog, _to_record
from hugflow.requests.model import Identity
from hugflow.requests.problems import Problem
from hugflow.stages.making.group_hashes import GROUP_HASHES, GroupHashes, Part
from hugflow.stages.planning.estimate import ESTIMATE, Estimate
from hugflow.stages.standing.expansions import EXPANSION, Expansion
from hugflow.stages.standing.obstacles import OBSTACLE, Obstacle
from hugflow.stages.standing.push_records import PUSH, Push
from hugflow.stages.standing.removal_records import KEPT, REMOVED, Kept, Removed
from hugflow.stages.standing.retry_records import RETRY, Retry
from hugflow.stages.standing.upstream import UPSTREAM, Upstream
from hugflow.stages.telling.told import TOLD, Told
from hugflow.stages.tree import manifest as manifests
from hugflow.store.hosts import HOST, HostCard
from hugflow.store.locks import HOLDER, Holder
from hugflow.store.records import Moment, RecordForm
from hugflow.store.trash import ENTRY, TrashEntry
from hugflow.verify.sound import SOUND, _Found
from hugflow_sensors.memo import CURSOR, _Cursor, read_memo
from hugflow_sensors.settled import SETTLED, _SettledFile

AT = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
NAME = "acme__speech__split_train__rev_main"
IDENTITY = Identity("acme/speech", None, "train", "main")
MANIFEST = Path(__file__).parents[1] / "stages/tree/manifests/speech.json"
PROBLEM = Problem("requests/add/x.yaml", None, None, None, "is a link", "why", "mend")

# An example of each record: a form that is not here fails a test below.
EXAMPLES: list[tuple[RecordForm[Any], Any]] = [
    (HEAD, Head(12, "ab" * 32)),
    (PUSH, Push(AT, "acme/copy", "ab" * 8, "https://huggingface.co/datasets/acme/copy")),
    (MARKER, Marker(498, (14, 77), 20_318_212, 12.4, 3600.0, 2, "ab" * 32, 1234)),
    (GROUP_HASHES, GroupHashes("ab", (Part(3, 4, 90, "cd" * 32),), Part(0, 90, 120, "ef" * 32))),
    (PROGRESS, None),
    (NOTICE, Notice(NAME, "acme/speech", "downloading", AT, rows=3, rows_per_second=1.5)),
    (CONVERSATION, Conversation("key", "github", None, (Line("requests/add/x.yaml"),), AT, AT)),
    (LIMIT, Limit(AT)),
    (
        CATALOG,
        _to_record(Catalog("1f" * 20, {"requests/add/x.yaml": b"hf_id: a/b\xff"}, (PROBLEM,))),
    ),
    (ESTIMATE, Estimate(1.5, "sampled", 16, 10, 20, 30, 40, None, 0, 7)),
    (
        REMOVED,
        Removed(
            name=IDENTITY.name,
            identity=IDENTITY,
            requests=("5f3c",),
            removal=None,
            reason="replaced",
            removed_at=AT,
            by="ada@host",
            trash_id="20261122T010203123456Z-x",
        ),
    ),
    (KEPT, Kept("77c0")),
    (RUNNING_UP, RunningUp("http://127.0.0.1:3000")),
    (RETRY, Retry(AT)),
    (TOLD, Told("ab" * 32, "cd" * 32)),
    (OBSTACLE, Obstacle("waiting", "5f3c", AT, "no answer", "status 503", "later", AT)),
    (MISSING, Missing(536_870_912, ((1_048_576, 268_435_456), (301_989_888, 536_870_912)))),
    (EXPANSION, Expansion("google/fleurs", "8a6c", (("ms_my", "train"), (None, "test")))),
    (UPSTREAM, Upstream(AT, "4c1f", "gone upstream", "the Hub knows no such dataset")),
    (manifests.MANIFEST, manifests.MANIFEST.require(MANIFEST)),
    (manifests._NAME, manifests.ManifestName(NAME, {"hf_id": "acme/speech"})),
    (HOLDER, Holder("speech1", 4711, 880123, "2026-11-22T01:02:03+00:00")),
    (ENTRY, TrashEntry("id", NAME, "gone", AT, "ada@host", None, 3, 4, True, True, ("/data",))),
    (
        ATTEMPT_FORM,
        RunAttempt("20261129T031500123456Z-1", "example/flow", "dev", "metaflow", "ada", AT),
    ),
    (SOUND, _Found("ab" * 32, 1763774400.5, ((0, 81919),))),
    (CURSOR, _Cursor({NAME: ("9f3c", 2, 1.5, 2.5, "it failed")}, ("ab", 3.5))),
    (HOST, HostCard("speech1", "0.1.0", "1.13.27", "3.11.4", AT, 0.012)),
    (SETTLED, _SettledFile("5a1c", {NAME: ("9f3c", 1_793_000_000_123_456_789)})),
]
FORMS = [form for form, _ in EXAMPLES]
OTHER_READERS = {
    # Forms of their own, which their tests damage.
    "hugflow/audit.py",
    "hugflow/serving/tls.py",
    "hugflow/corpus/mixtures.py",
    "hugflow/hierarchy/pulling/record.py",
    "hugflow/ledger/journal.py",
    "hugflow/shards/plans.py",
    "hugflow/stages/flowing/step_journal.py",
    "hugflow/stages/publishing/earlier_tars.py",
    "hugflow/stages/standing/finished.py",
    "hugflow/stages/tree/failures.py",
    "hugflow/stages/tree/flow_files.py",
    "hugflow/store/records.py",
    # Part of a plan, which its form has read.
    "hugflow/requests/segments.py",
    "hugflow/requests/sources.py",
    "hugflow/shards/layouts/table_archives.py",
    "hugflow/shards/layouts/typed_columns.py",
    "hugflow/shards/layouts/webdataset.py",
    # Files of a source.
    "hugflow/hierarchy/pulling/archive.py",
    "hugflow/hierarchy/readers/google_sheets.py",
    "hugflow/hierarchy/readers/json_file.py",
    "hugflow/hierarchy/steps/data_steps.py",
    "hugflow/hierarchy/steps/files.py",
    # Rows of datasets.
    "hugflow/provenance/time_range.py",
    "hugflow/verify/samples.py",
    "hugflow/shards/plan_file.py",
    "hugflow/shards/layouts/loose.py",
    "hugflow/shards/layouts/row_ranges.py",
    "hugflow/shards/layouts/whole.py",
    "hugflow/shards/value_types.py",
    "hugflow/rows/record.py",
    "hugflow/shards/declared.py",
    "hugflow/shards/features.py",
    "hugflow/stages/flowing/adopt_steps.py",
    "hugflow/stages/flowing/flow_index.py",
    "hugflow/stages/flowing/row_files.py",
    "hugflow/stages/making/renamed_storage.py",
    "hugflow/stages/making/rows_on_disk.py",
    "hugflow/stages/publishing/gate.py",
    "hugflow/statistics/tables.py",
    "hugflow/verify/rows.py",
    "hugflow_assets/reporting/glimpses.py",
    # What others say: services, GitHub's event, child processes.
    "hugflow/ci/event.py",
    "hugflow/ci/comment.py",
    "hugflow/pushing/to_storage.py",
    "resources/hugflow_resources/listening.py",
    "hugflow/serving/wire.py",
    "hugflow/cli/demo.py",
    "hugflow/cli/install_source.py",
    "hugflow/cli/up_report.py",
    "hugflow/clients/github.py",
    "hugflow/doctor/asking.py",
    "hugflow/doctor/instance.py",
    "hugflow/flowrider/dagster_request.py",
    "hugflow/flowrider/metaflow_child.py",
    "hugflow/flowrider/metaflow_runs.py",
    "hugflow/flowrider/run_values.py",
    "hugflow/flowrider/value_files.py",
    "hugflow/flowrider/values.py",
    "hugflow/flows/step_worker.py",
    "hugflow_assets/flow_engine.py",
    "hugflow/workers/channel.py",
}


def render(form: RecordForm[Any], value: Any, path: Path) -> bytes:
    """The file of an example."""
    if form is PROGRESS:
        write_progress(path, Progress(NAME, "failed", ((0, 1), (4, 4)), 10, 2, "why"))
    else:
        form.write(path, value)
    return path.read_bytes()


def first_key(data: bytes) -> str:
    return next(key for key in json.loads(data) if key != "version")


def cut(path: Path, data: bytes) -> None:
    path.write_bytes(data[: len(data) // 2])


def empty(path: Path, data: bytes) -> None:
    path.write_bytes(b"")


def scribble(path: Path, data: bytes) -> None:
    path.write_bytes(bytes(range(256)) * 4)


def not_utf8(path: Path, data: bytes) -> None:
    path.write_bytes(data.replace(b'"', b'"\xff', 1))


def wrong_type(path: Path, data: bytes) -> None:
    path.write_text(json.dumps(json.loads(data) | {first_key(data): [[{}]]}))


def missing_key(path: Path, data: bytes) -> None:
    content = json.loads(data)
    del content[first_key(data)]
    path.write_text(json.dumps(content))


def other_kind(path: Path, data: bytes) -> None:
    path.write_text(f"[{data.decode()}]")


def later_version(path: Path, data: bytes) -> None:
    path.write_text(json.dumps(json.loads(data) | {"version": 99}))


def nested(path: Path, data: bytes) -> None:
    path.write_bytes(data.rstrip()[:-1] + b', "later": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")


def not_a_number(path: Path, data: bytes) -> None:
    path.write_bytes(data.rstrip()[:-1] + b', "later": NaN}')


def infinite(path: Path, data: bytes) -> None:
    path.write_bytes(data.rstrip()[:-1] + b', "later": 1e999}')


def long_number(path: Path, data: bytes) -> None:
    path.write_bytes(data.rstrip()[:-1] + b', "later": ' + b"9" * 100_000 + b"}")


def key_twice(path: Path, data: bytes) -> None:
    key = json.dumps(first_key(data)).encode()
    path.write_bytes(data.rstrip()[:-1] + b", " + key + b": null}")


def huge(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        # A hole: it takes no room.
        file.truncate(1 << 40)


def folder(path: Path, data: bytes) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = [
    cut,
    empty,
    scribble,
    not_utf8,
    wrong_type,
    missing_key,
    other_kind,
    later_version,
    nested,
    not_a_number,
    infinite,
    long_number,
    key_twice,
    huge,
    folder,
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "record.json"


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_record_is_read_as_none_and_required_with_its_path_and_what_to_do(
    path: Path, damage: Callable[[Path, bytes], None]
):
    for form, value in EXAMPLES:
        data = render(form, value, path)
        assert form.read(path) is not None
        if damage is later_version and form.version is None:
            continue
        if damage is missing_key and form is manifests.MANIFEST:
            assert first_key(data) == "dataset"
        damage(path, data)
        assert form.read(path) is None, form.what
        with pytest.raises(StateUnreadable) as caught:
            form.require(path)
        assert str(path) in caught.value.what
        assert caught.value.why
        assert caught.value.mend == form.mend
        with pytest.raises(StateUnreadable):
            form.find(path)
        if path.is_dir():
            path.rmdir()


@pytest.mark.parametrize(("form", "value"), EXAMPLES, ids=lambda each: getattr(each, "what", ""))
def test_a_record_is_read_as_it_was_written_whatever_a_later_version_adds(
    path: Path, form: RecordForm[Any], value: Any
):
    data = render(form, value, path)
    written = form.read(path)
    assert value in (None, written)
    if not form.is_summed:
        path.write_text(json.dumps(json.loads(data) | {"a_later_key": {"any": [1]}}))
        assert form.read(path) == written
    form.write(path, written)
    assert path.read_bytes() == data


def test_every_record_is_in_this_list():
    found: dict[int, str] = {}
    for module in modules():
        for name, value in vars(module).items():
            if isinstance(value, RecordForm):
                found[id(value)] = f"{module.__name__}.{name}"
    missing = {where for each, where in found.items() if each not in set(map(id, FORMS))}
    assert not missing


def modules() -> Iterator[Any]:
    for package in (hugflow, hugflow_resources, hugflow_sensors):
        for each in walk_packages(package.__path__, f"{package.__name__}."):
            if ".testing" not in each.name and not each.name.endswith("__main__"):
                yield import_module(each.name)


def test_no_module_reads_a_state_file_of_its_own_by_hand():
    root = Path(hugflow.__file__).parents[1]
    folders = ("hugflow", "hugflow_assets", "resources", "sensors")
    readers = {
        path.relative_to(root).as_posix()
        for each in folders
        for path in (root / each).rglob("*.py")
        if "testing" not in path.parts and loads_json(path)
    }
    assert readers == OTHER_READERS


def loads_json(path: Path) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in ("loads", "load")
        and isinstance(node.value, ast.Name)
        and node.value.id == "json"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
    )


@dataclass(frozen=True, slots=True)
class _Example:
    at: Moment
    text: str = ""


EXAMPLE = RecordForm(_Example, "the example", version=1, mend="delete it")


def test_no_file_is_none_to_find_and_an_error_to_require(path: Path):
    assert EXAMPLE.read(path) is None
    assert EXAMPLE.find(path) is None
    with pytest.raises(StateUnreadable, match=r"record\.json"):
        EXAMPLE.require(path)


def test_a_name_that_is_not_utf8_survives(path: Path):
    record = _Example(AT, "caf\udce9 \u1234")
    EXAMPLE.write(path, record)
    assert EXAMPLE.read(path) == record


def test_a_moment_without_a_zone_is_damage(path: Path):
    path.write_text('{"version": 1, "at": "2026-11-22T01:02:03"}')
    assert EXAMPLE.read(path) is None


def test_a_cursor_that_nests_deeply_starts_the_sensor_from_an_empty_memo():
    assert not read_memo("[" * 100_000).troubles
    assert not read_memo('{"version": 2, "troubles": ' + '{"a":' * 100_000).troubles


def test_progress_of_the_first_form_is_read(path: Path):
    resume = {"completed_rows": [3, 0, 1], "expected_total_rows": 9, "version": "2.0"}
    view = {"dataset_name": "x", "status": "failed", "resumed_from": 0, "resume_data": resume}
    path.write_text(json.dumps(view))
    assert read_progress(path) == Progress("x", "failed", ((0, 1), (3, 3)), 9)
