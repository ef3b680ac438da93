"""Which files a split has: those of its own repository at one commit, or a clear refusal."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from hugflow.clients.hub import Hub
from hugflow.clients.published import fetch_split_files
from hugflow.errors import HubUnavailable, RequestInvalid
from hugflow.shards.layouts.registry import can_read
from hugflow.testing.faults import Fault, Reset, Status
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_tables
from hugflow.testing.tables import with_features, write_parquet

TABLE = with_features(pa.table({"text": ["a", "b"]}))
PARQUET = write_parquet(TABLE)
fetch_split = partial(fetch_split_files, can_read=can_read)
Files = Callable[..., tuple[str, ...]]


@pytest.fixture
def files(hub: LoopbackHub, client: Hub) -> Files:
    """Publish a repository, and ask which files a split of it has."""

    def files(
        content: dict[str, bytes], subset: str | None = None, split: str = "train", name: str = "x"
    ) -> tuple[str, ...]:
        commit = hub.publish(f"published/{name}", content, from_empty=True)
        return fetch_split(client, f"published/{name}", commit, subset, split).paths

    return files


def card(**header: Any) -> bytes:
    return f"---\n{yaml.safe_dump(header)}---\n".encode()


def card_naming(path: Any) -> bytes:
    named = [{"config_name": "default", "data_files": [{"split": "train", "path": path}]}]
    return card(configs=named)


def test_files_come_in_the_order_in_which_datasets_reads_them(files: Files):
    content = {f"data/train-{n:05d}-of-00012.parquet": PARQUET for n in range(12)}
    assert files({**content, "data/test-00000-of-00001.parquet": PARQUET}) == tuple(content)


def test_another_subset_or_split_has_its_own_files(hub: LoopbackHub, client: Hub):
    tables = {"en": {"train": TABLE, "test": TABLE}, "de": {"train": TABLE}}
    commit = publish_tables(hub, "published/two", tables)
    ask = ("published/two", commit)
    assert fetch_split(client, *ask, "en", "test").paths == ("en/test-00000-of-00001.parquet",)
    assert fetch_split(client, *ask, "de", "train").paths == ("de/train-00000-of-00001.parquet",)
    with pytest.raises(RequestInvalid, match=r"'en', 'de'"):
        fetch_split(client, *ask, "fr", "train")
    with pytest.raises(RequestInvalid, match=r"'en', 'de'"):
        fetch_split(client, *ask, None, "train")
    with pytest.raises(RequestInvalid, match="'train', 'test'"):
        fetch_split(client, *ask, "en", "validation")


def test_a_dataset_stays_readable_at_an_old_commit(hub: LoopbackHub, client: Hub):
    commit = hub.publish("published/old", {"data/train-a.parquet": PARQUET})
    hub.publish("published/old", {"data/train-b.parquet": PARQUET}, from_empty=True)
    assert fetch_split(client, "published/old", commit, None, "train").paths == (
        "data/train-a.parquet",
    )


@pytest.mark.parametrize(
    "path",
    [
        "hf://datasets/published/victim/data/train-00000-of-00001.parquet",
        "hf://datasets/published/x@main/data/a.parquet",
        "../victim/data/*.parquet",
        "data/../../victim/data/*.parquet",
        "{hub}/datasets/published/victim/resolve/main/data/train-00000-of-00001.parquet",
        "{folder}/secret.parquet",
        "file://{folder}/secret.parquet",
        "{folder}/*",
        "zip://a.parquet::data/a.parquet",
    ],
)
def test_a_card_that_names_files_elsewhere_is_refused(
    hub: LoopbackHub, files: Files, tmp_path: Path, path: str
):
    publish_tables(hub, "published/victim", {"default": {"train": TABLE}})
    (tmp_path / "secret.parquet").write_bytes(PARQUET)
    named = path.format(hub=hub.endpoint, folder=tmp_path)
    with pytest.raises(RequestInvalid) as refused:
        files({"README.md": card_naming(named), "data/a.parquet": PARQUET})
    assert refused.value.exit_code == 4


def test_a_local_folder_that_is_called_like_the_dataset_is_never_taken(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "published" / "x").mkdir(parents=True)
    (tmp_path / "published" / "x" / "local.parquet").write_bytes(PARQUET)
    monkeypatch.chdir(tmp_path)
    assert files({"data/train-a.parquet": PARQUET}) == ("data/train-a.parquet",)


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        ({"loader.py": b"raise SystemExit(3)"}, "data files"),
        ({"x.py": b"raise SystemExit(3)"}, "scripts are no longer supported"),
        ({"a.bin": b"x"}, "data files"),
        ({"README.md": b"# Nothing"}, "data files"),
    ],
)
def test_what_datasets_finds_no_files_in_is_refused_with_what_was_seen(
    files: Files, content: dict[str, bytes], seen: str
):
    with pytest.raises(RequestInvalid, match=seen):
        files(content)


@pytest.mark.parametrize(
    "content",
    [
        {"data/train.csv": b"a,b\n1,2\n"},
        {"data/train.jsonl": b'{"a": 1}\n'},
        {"train/a.wav": b"RIFF", "train/metadata.csv": b"file_name\na.wav\n"},
        {"train/a.tar": b"\0" * 10_240},
    ],
)
def test_files_are_given_whatever_their_form(files: Files, content: dict[str, bytes]):
    assert set(files(content)) == set(content)


@pytest.mark.parametrize(
    "readme",
    [
        card(configs=5),
        card(configs=[5]),
        card(configs=[{"config_name": 5, "data_files": 7}]),
        card(configs=[{"config_name": "default", "data_files": {"a": {"b": 1}}}]),
        card(dataset_info={"features": [{"name": "text", "dtype": {"nonsense": 1}}]}),
        card(dataset_info=5),
        card_naming("data/none-*.parquet"),
        card_naming(5),
        card_naming(["data/[", "**", "x" * 3000]),
        b"---\na: [\n---\n",
        b"\xff\xfe---\n---\n",
    ],
)
def test_a_hostile_card_is_refused_or_passed_over_and_never_crashes(files: Files, readme: bytes):
    found: tuple[str, ...] = ()
    with suppress(RequestInvalid):
        found = files({"README.md": readme, "data/train-a.parquet": PARQUET})
    assert found in ((), ("data/train-a.parquet",))


@pytest.mark.parametrize("fault", [Status(500), Status(429, retry_after_s=1), Reset()], ids=repr)
def test_one_passing_fault_anywhere_never_fails_the_resolution(
    files: Files, hub: LoopbackHub, slept: list[float], fault: Fault
):
    content = {"data/train-a.parquet": PARQUET, "README.md": b"# x"}
    files(content, name="calm")
    for number in range(len(hub.requests)):
        # A repository of its own: what the Hub's library has cached it does not ask for again.
        name = f"fault-{id(fault)}-{number}"
        with hub.faults(fault, after=number):
            assert files(content, name=name) == ("data/train-a.parquet",)


def test_a_hub_that_goes_down_is_no_fault_of_the_request(
    files: Files, hub: LoopbackHub, slept: list[float]
):
    for status in (500, 503):
        with (
            hub.faults(Status(status), times=None),
            pytest.raises(HubUnavailable, match="published/down"),
        ):
            files({"data/train-a.parquet": PARQUET}, name=f"down-{status}")


def test_an_hour_to_wait_is_not_slept_through(files: Files, hub: LoopbackHub, slept: list[float]):
    hub.inject(Status(429, retry_after_s=3600), times=None)
    with pytest.raises(HubUnavailable, match="3600 s"):
        files({"data/train-a.parquet": PARQUET}, name="hour")
    assert slept == []


def test_the_parquet_conversion_of_the_hub_is_a_revision_like_others(hub: LoopbackHub, client: Hub):
    hub.publish("published/csv", {"train.csv": b"a\n1\n"})
    converted = {"default/train/0000.parquet": PARQUET}
    commit = hub.publish("published/csv", converted, branch="refs/convert/parquet", from_empty=True)
    found = fetch_split(client, "published/csv", commit, None, "train")
    assert found.paths == tuple(converted)
