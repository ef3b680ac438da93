"""A finished dataset, pushed onward: what is there loads, what is there is not sent again."""

import io
import itertools
import json
import os
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from hugflow.audit import read_trail
from hugflow.clients.hub import Hub
from hugflow.errors import (
    CannotWrite,
    HugflowError,
    NotAuthorised,
    PlanOutOfDate,
    StateUnreadable,
    UsageWrong,
)
from hugflow.pushing.files import PushFile
from hugflow.pushing.open_tree import open_tree
from hugflow.pushing.owner import parse_manifest
from hugflow.pushing.push import Destination, Pushed, open_destination, push_dataset
from hugflow.pushing.to_storage import StorageDestination
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.publishing.rollback import roll_back
from hugflow.stages.sync import sync_dataset
from hugflow.stages.tree.versions import read_version
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.builds import OpenFor

# The Hub's own client sends large files in a way that its HTTP library deprecates.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning"),
]

TOKEN = "hf_pushing_token_12345"


@pytest.fixture
def made(hub: LoopbackHub, open_for: OpenFor) -> Build:
    """A complete dataset of two shards."""
    publish_speech(hub, "push/speech", rows=6, shards=2, seconds=0.3)
    build = open_for("push/speech")
    sync_dataset(build)
    return build


def push(build: Build, destination: Destination, where: str = "somewhere") -> Pushed:
    return push_dataset(build.places, build.name, destination, actor="ada", where=where)


def read_rows(parquets: Mapping[str, bytes]) -> dict[int, dict[str, object]]:
    rows = [
        row for data in parquets.values() for row in pq.read_table(io.BytesIO(data)).to_pylist()
    ]
    return {row["row"]: row for row in rows}


def test_a_pushed_dataset_is_on_the_hub_whole_with_its_audio_and_a_tag(
    made: Build,
    hub: LoopbackHub,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    # As at a terminal, where the Hub's library would draw its bars.
    monkeypatch.setenv("TQDM_POSITION", "-1")
    hub.add_token(TOKEN, "push", writes=True)
    client = Hub(token=TOKEN)
    pushed = push(made, open_destination("push/copy", client, is_private=False))
    version = read_version(made.folder, made.name)
    assert version is not None
    assert pushed.version == version.id
    assert pushed.address.endswith(f"/datasets/push/copy/tree/{version.id}")
    api = client.api
    there = api.list_repo_files("push/copy", repo_type="dataset", revision=version.id)
    shards = sorted(path for path in there if path.startswith("data/"))
    assert shards == [f"data/train-0000{i}-of-00002.parquet" for i in range(2)]
    paths = {
        path: Path(api.hf_hub_download("push/copy", path, repo_type="dataset", revision=version.id))
        for path in [*shards, "README.md", "manifest.json"]
    }
    rows = read_rows({path: paths[path].read_bytes() for path in shards})
    assert sorted(rows) == list(range(6))
    stems = {f"{stem.name}": stem.read_bytes() for stem in made.folder.audio.iterdir()}
    for row in rows.values():
        audio = row["audio"]
        assert isinstance(audio, dict)
        assert audio["bytes"] == stems[audio["path"]]
    assert paths["manifest.json"].read_bytes() == made.folder.manifest.read_bytes()
    assert "data/train-*-of-00002.parquet" in paths["README.md"].read_text()
    assert [entry.deed.what for entry in read_trail(made.places)][-1] == "pushed"
    # Again: the Hub has the large files, and nothing of them is sent.
    hub.clear_requests()
    push(made, open_destination("hf://push/copy", client, is_private=False))
    assert not [ask for ask in hub.requests if ask.method == "PUT"]
    # Its own bars and its word on a commit without a change are not shown.
    assert "LFS files" not in capsys.readouterr().err
    assert "No files have been modified" not in caplog.text


def test_without_a_token_or_a_complete_tree_nothing_is_pushed(
    made: Build, hub: LoopbackHub, open_for: OpenFor, tmp_path: Path
):
    with pytest.raises(NotAuthorised, match="push/copy"):
        push(made, open_destination("push/copy", Hub(), is_private=True))
    publish_speech(hub, "push/begun", rows=2, shards=1, seconds=0.2)
    with pytest.raises(UsageWrong, match="not complete"):
        push(open_for("push/begun"), StorageDestination(f"file://{tmp_path}/out"))
    for wrong in ("nonsense", "a/b/c", "nosuch://bucket/x"):
        with pytest.raises(HugflowError):
            open_destination(wrong, Hub(), is_private=True)


def test_a_password_in_an_address_is_not_shown(made: Build):
    url = "memory://ann:s3cretpass@host/x"
    assert "s3cretpass" not in push(made, StorageDestination(url), url).address


def test_a_folder_of_a_version_is_complete_once_it_has_its_manifest(made: Build, tmp_path: Path):
    url = f"file://{tmp_path}/out"
    pushed = push(made, StorageDestination(url), url)
    folder = tmp_path / "out" / pushed.version
    assert pushed.address == f"{url}/{pushed.version}"
    assert json.loads((tmp_path / "out" / "latest.json").read_text()) == {"version": pushed.version}
    rows = read_rows({path.name: path.read_bytes() for path in folder.glob("data/*.parquet")})
    assert sorted(rows) == list(range(6))
    assert (pushed.sent, pushed.kept) == (2, 0)
    again = push(made, StorageDestination(url), url)
    assert (again.sent, again.kept) == (0, 2)
    # One that was sent in part, or has other bytes, is sent again.
    shard = min(folder.glob("data/*.parquet"))
    shard.write_bytes(b"half")
    again = push(made, StorageDestination(url), url)
    assert (again.sent, again.kept) == (1, 1)
    assert shard.stat().st_size > 4


@dataclass
class Stopping:
    """A destination whose connection breaks after some calls."""

    inner: StorageDestination
    calls: int
    done: list[str] = field(default_factory=list)

    def open(self, dataset: str, version: str) -> None:
        self.inner.open(dataset, version)

    def send(self, file: PushFile) -> bool:
        if len(self.done) == self.calls:
            raise CannotWrite("it broke", why="a test", mend="again")
        self.done.append(file.path)
        return self.inner.send(file)

    def finish(self, last: list[PushFile], version: str) -> str:
        if len(self.done) == self.calls:
            raise CannotWrite("it broke", why="a test", mend="again")
        return self.inner.finish(last, version)


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_a_push_that_breaks_shows_nothing_and_goes_on_where_it_stopped(
    made: Build, tmp_path: Path, calls: int
):
    url = f"file://{tmp_path}/out"
    with pytest.raises(CannotWrite):
        push(made, Stopping(StorageDestination(url), calls))  # type: ignore[arg-type]
    assert not list((tmp_path).glob("out/*/manifest.json"))
    assert not (tmp_path / "out" / "latest.json").exists()
    assert not list((made.places.state_dir / "pushing").iterdir())
    assert push(made, StorageDestination(url)).kept == calls


@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.soak)])
def test_a_push_that_is_killed_leaves_the_earlier_version_or_the_new_one(
    made: Build, hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
):
    url, out = f"file://{tmp_path}/out", tmp_path / "out"
    before = push(made, StorageDestination(url), url).version
    make_next(hub, made, made.options)
    new = read_version(made.folder, made.name)
    assert new is not None
    for fatal in range(0, 200, step):

        def work(fatal: int = fatal) -> None:
            kill_at_call(monkeypatch, fatal)
            push(made, StorageDestination(url), url)

        was_killed = forked(work)
        latest = json.loads((out / "latest.json").read_text())["version"]
        assert latest in (before, new.id)
        for path in out.glob("*/manifest.json"):
            assert parse_manifest(path.read_bytes()) is not None
            shards = sorted(path.parent.glob("data/*.parquet"))
            assert read_rows({shard.name: shard.read_bytes() for shard in shards})
        if not was_killed:
            assert latest == new.id
            break
        shutil.rmtree(out / new.id, ignore_errors=True)
        (out / "latest.json").write_text(json.dumps({"version": before}))
    else:
        pytest.fail("it never came to its end")


def kill_at_call(monkeypatch: pytest.MonkeyPatch, fatal: int) -> None:
    """SIGKILL before, in the middle of, or after a call that writes at the destination."""
    calls = itertools.count()

    def tick() -> None:
        if next(calls) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("put_file", "pipe_file", "mv"):
        original = getattr(LocalFileSystem, name)

        def wrapped(
            self: Any, first: Any, second: Any, original: Any = original, name: str = name
        ) -> None:
            tick()
            if name == "pipe_file":
                original(self, first, second[: len(second) // 2])
                tick()
            original(self, first, second)
            tick()

        monkeypatch.setattr(LocalFileSystem, name, wrapped)


def forked(work: Callable[[], object]) -> bool:
    """Do something in a child process; whether it was killed."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@dataclass
class Meanwhile:
    """A destination during whose first shard something else happens."""

    inner: StorageDestination
    event: Callable[[], object]
    sent: list[str] = field(default_factory=list)

    def open(self, dataset: str, version: str) -> None:
        self.inner.open(dataset, version)

    def send(self, file: PushFile) -> bool:
        if not self.sent:
            self.event()
        self.sent.append(file.path)
        return self.inner.send(file)

    def finish(self, last: Sequence[PushFile], version: str) -> str:
        return self.inner.finish(last, version)


def make_next(hub: LoopbackHub, build: Build, options: Options) -> None:
    """The next version of the dataset is published."""
    publish_speech(hub, "push/speech", rows=3, shards=1, seconds=0.3)
    sync_dataset(open_build(build.request, build.places, build.hub, options, update=True))


@pytest.mark.parametrize("keep", [0, 1])
def test_a_version_that_is_replaced_while_it_is_pushed_is_not_visible(
    made: Build, hub: LoopbackHub, tmp_path: Path, keep: int
):
    out = tmp_path / "out"
    options = replace(made.options, keep_versions=keep)
    target = Meanwhile(StorageDestination(f"file://{out}"), lambda: make_next(hub, made, options))
    with pytest.raises(PlanOutOfDate, match="not in use any more"):
        push(made, target)
    assert len(target.sent) == 1
    assert not list(out.glob("*/manifest.json"))
    assert not (out / "latest.json").exists()
    # Removed while another shard is to come.
    target = Meanwhile(StorageDestination(f"file://{out}"), lambda: shutil.rmtree(made.folder.root))
    with pytest.raises(PlanOutOfDate):
        push(made, target)
    assert not list(out.glob("*/manifest.json"))


def test_what_is_pushed_is_read_from_one_tree_while_a_rollback_goes_to_and_fro(
    made: Build, hub: LoopbackHub
):
    make_next(hub, made, replace(made.options, keep_versions=1))
    with open_tree(made.places, made.name) as tree:
        shards = sorted(tree.manifest.index)
        before = [tree.read(path) for path in shards]
        roll_back(made.places, made.name, None, actor="ada")
        assert [tree.read(path) for path in shards] == before
        assert tree.read("manifest.json") == tree.manifest_bytes
        with pytest.raises(PlanOutOfDate):
            tree.refuse_change()
        roll_back(made.places, made.name, None, actor="ada")
        tree.refuse_change()


def test_shards_of_an_earlier_version_leave_the_repository_with_the_next_commit(
    made: Build, hub: LoopbackHub, open_for: OpenFor
):
    hub.add_token(TOKEN, "push", writes=True)
    client = Hub(token=TOKEN)
    push(made, open_destination("push/moves", client, is_private=False))
    publish_speech(hub, "push/speech", rows=3, shards=1, seconds=0.3)
    build = open_build(made.request, made.places, made.hub, made.options, update=True)
    sync_dataset(build)
    push(build, open_destination("push/moves", client, is_private=False))
    there = client.api.list_repo_files("push/moves", repo_type="dataset")
    shards = [path for path in there if path.startswith("data/")]
    assert shards
    assert not [path for path in shards if path.endswith("-of-00002.parquet")]


def list_repository(client: Hub, name: str) -> list[str]:
    return sorted(client.api.list_repo_files(name, repo_type="dataset"))


@pytest.fixture
def other(hub: LoopbackHub, open_for: OpenFor) -> Build:
    """Another complete dataset."""
    publish_speech(hub, "push/other", rows=2, shards=1, seconds=0.2)
    build = open_for("push/other")
    sync_dataset(build)
    return build


def test_a_repository_with_another_dataset_is_refused_and_keeps_its_files(
    made: Build, other: Build, hub: LoopbackHub
):
    hub.add_token(TOKEN, "push", writes=True)
    client = Hub(token=TOKEN)
    push(made, open_destination("push/taken", client, is_private=False))
    before = list_repository(client, "push/taken")
    hub.clear_requests()
    with pytest.raises(UsageWrong, match="push/taken") as refused:
        push(other, open_destination("push/taken", client, is_private=False))
    assert made.name in refused.value.why
    assert not [ask for ask in hub.requests if ask.method == "PUT"]
    assert list_repository(client, "push/taken") == before
    push(other, open_destination("push/taken", client, is_private=False, is_replacing=True))
    shards = [path for path in list_repository(client, "push/taken") if path.startswith("data/")]
    assert shards == ["data/train-00000-of-00001.parquet"]


@pytest.mark.parametrize("path", ["README.md", "data/x.parquet", "manifest.json"])
def test_a_repository_with_files_of_no_push_is_refused(made: Build, hub: LoopbackHub, path: str):
    hub.add_token(TOKEN, "push", writes=True)
    client = Hub(token=TOKEN)
    hub.publish("push/foreign", {path: b"{}"}, from_empty=True)
    with pytest.raises(UsageWrong, match="push/foreign") as refused:
        push(made, open_destination("push/foreign", client, is_private=False))
    assert path in refused.value.why
    assert list_repository(client, "push/foreign") == [path]


def test_a_file_that_no_push_has_sent_stays_and_is_not_loaded_with_the_shards(
    made: Build, hub: LoopbackHub, open_for: OpenFor
):
    hub.add_token(TOKEN, "push", writes=True)
    client = Hub(token=TOKEN)
    push(made, open_destination("push/shared", client, is_private=False))
    for path in ("data/x.parquet", "notes.txt"):
        client.api.upload_file(
            path_or_fileobj=b"mine", path_in_repo=path, repo_id="push/shared", repo_type="dataset"
        )
    publish_speech(hub, "push/speech", rows=3, shards=1, seconds=0.3)
    build = open_build(made.request, made.places, made.hub, made.options, update=True)
    sync_dataset(build)
    push(build, open_destination("push/shared", client, is_private=False))
    there = list_repository(client, "push/shared")
    assert {"data/x.parquet", "notes.txt"} < set(there)
    assert "data/train-00000-of-00002.parquet" not in there
    card = Path(client.api.hf_hub_download("push/shared", "README.md", repo_type="dataset"))
    assert "path: data/train-*-of-0000" in card.read_text()


def test_a_folder_whose_latest_version_is_of_another_dataset_is_refused(
    made: Build, other: Build, tmp_path: Path
):
    url, latest = f"file://{tmp_path}/out", tmp_path / "out" / "latest.json"
    push(made, StorageDestination(url))
    before = latest.read_bytes()
    with pytest.raises(UsageWrong) as refused:
        push(other, StorageDestination(url))
    assert made.name in refused.value.why
    assert latest.read_bytes() == before
    push(other, StorageDestination(url, is_replacing=True))
    assert latest.read_bytes() != before
    latest.write_text("[]")
    with pytest.raises(UsageWrong, match="not pushed"):
        push(made, StorageDestination(url))


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def make_empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("part", "damage", "has_journal"),
    [
        ("audio", cut_short, True),
        ("audio", flip_a_bit, True),
        ("audio", make_empty, True),
        ("audio", Path.unlink, True),
        ("audio", cut_short, False),
        ("index", cut_short, True),
        ("index", flip_a_bit, True),
        ("index", Path.unlink, True),
    ],
)
def test_a_dataset_with_a_damaged_file_is_not_pushed_and_nothing_of_it_is_visible(
    made: Build, tmp_path: Path, part: str, damage: Callable[[Path], None], has_journal: bool
):
    out = tmp_path / "out"
    path = max((made.folder.root / part).iterdir())
    damage(path)
    if not has_journal:
        shutil.rmtree(made.state.ledger)
    with pytest.raises(StateUnreadable, match=f"{part}/{path.name}") as refused:
        push(made, StorageDestination(f"file://{out}"))
    assert f"hugflow drift {made.name} --fix" in refused.value.mend
    assert not list(out.glob("*/manifest.json"))
    assert not (out / "latest.json").exists()
    # The shard with the file is not there, in any form.
    assert not list(out.glob("*/data/*-00001-of-00002.parquet*"))


@pytest.mark.parametrize("has_journal", [True, False])
def test_a_copied_clip_that_is_cut_short_is_not_pushed(
    hub: LoopbackHub, open_for: OpenFor, tmp_path: Path, has_journal: bool
):
    publish_speech(hub, "push/copied", rows=2, shards=1, seconds=0.3, container="mp3")
    build = open_for("push/copied")
    sync_dataset(build)
    assert push(build, StorageDestination(f"file://{tmp_path}/whole")).sent == 1
    cut_short(min(build.folder.audio.iterdir()))
    if not has_journal:
        shutil.rmtree(build.state.ledger)
    with pytest.raises(StateUnreadable, match="audio"):
        push(build, StorageDestination(f"file://{tmp_path}/out"))
    assert not list(tmp_path.glob("out/*/manifest.json"))
    assert not (tmp_path / "out" / "latest.json").exists()
