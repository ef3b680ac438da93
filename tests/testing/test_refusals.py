"""Datasets that cannot be had say so as the Hub says it; those laid out otherwise can be read."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi, HfFileSystem
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
)

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.layouts import publish_audiofolder, publish_conversion, publish_script
from hugflow.testing.refusals import REASONS, Reason, publish_refusal, publish_refusals
from hugflow.testing.samples import publish_text, speech_table

SHARD = "data/train-{:05d}-of-00002.parquet"


def download(api: HfApi, repo_id: str, path: str, cache: Path, revision: str = "main") -> Path:
    return Path(
        api.hf_hub_download(repo_id, path, repo_type="dataset", revision=revision, cache_dir=cache)
    )


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("private", RepositoryNotFoundError),
        ("withdrawn", RepositoryNotFoundError),
        ("disabled", DisabledRepoError),
    ],
)
def test_a_closed_dataset_refuses_to_be_described(
    hub: LoopbackHub, api: HfApi, reason: Reason, error: type[HfHubHTTPError]
):
    publish_refusal(hub, reason)
    with pytest.raises(error):
        api.dataset_info(f"refusals/{reason}")


@pytest.mark.parametrize(("reason", "gate"), [("gated", "auto"), ("gated-manual", "manual")])
def test_a_gated_dataset_is_described_and_its_files_are_refused(
    hub: LoopbackHub, api: HfApi, tmp_path: Path, reason: Reason, gate: str
):
    publish_refusal(hub, reason)
    assert api.dataset_info(f"refusals/{reason}").gated == gate
    with pytest.raises(GatedRepoError):
        download(api, f"refusals/{reason}", "README.md", tmp_path)


def test_a_disabled_dataset_is_closed_to_its_readers_too(hub: LoopbackHub):
    publish_refusal(hub, "disabled", "acme/x")
    hub.add_token("hf_test_reader", "ana", ["acme/x"])
    with pytest.raises(DisabledRepoError):
        HfApi(endpoint=hub.endpoint, token="hf_test_reader").dataset_info("acme/x")
    hub.restrict("acme/x", disabled=False)
    assert HfApi(endpoint=hub.endpoint, token=False).dataset_info("acme/x").disabled is False


def test_a_renamed_dataset_is_found_listed_and_fetched_under_its_old_name(
    hub: LoopbackHub, api: HfApi, file_system: HfFileSystem, tmp_path: Path
):
    commit = publish_refusal(hub, "moved", "acme/old")
    info = api.dataset_info("acme/old")
    assert (info.id, info.sha) == ("acme/old-here", commit)
    shard = "data/train-00000-of-00003.parquet"
    assert shard in api.list_repo_files("acme/old", repo_type="dataset")
    assert [i.path for i in api.get_paths_info("acme/old", [shard], repo_type="dataset")] == [shard]
    assert pq.read_metadata(download(api, "acme/old", shard, tmp_path)).num_rows == 1
    assert file_system.cat_file(f"datasets/acme/old/{shard}").startswith(b"PAR1")
    assert 307 in {request.status for request in hub.requests}


def test_a_dataset_renamed_twice_is_found_under_every_name(hub: LoopbackHub, api: HfApi):
    commit = publish_text(hub, "acme/a")
    hub.rename("acme/a", "acme/b")
    hub.rename("acme/b", "acme/c")
    assert {api.dataset_info(f"acme/{name}").sha for name in "abc"} == {commit}


def test_the_old_name_of_a_private_dataset_tells_nothing(hub: LoopbackHub, api: HfApi):
    publish_text(hub, "acme/a", private=True)
    hub.rename("acme/a", "acme/b")
    with pytest.raises(RepositoryNotFoundError):
        api.dataset_info("acme/a")


def test_whoever_takes_an_old_name_ends_the_redirect(hub: LoopbackHub, api: HfApi):
    publish_text(hub, "acme/a")
    hub.rename("acme/a", "acme/b")
    publish_text(hub, "acme/a", rows=3)
    assert api.dataset_info("acme/a").id == "acme/a"


@pytest.mark.parametrize("metadata", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("converted", "folder", "rows"),
    [("whole", "default/train", 6), ("partial", "default/partial-train", 3)],
)
def test_an_audio_folder_has_its_files_and_the_hubs_conversion_of_them(
    hub: LoopbackHub,
    api: HfApi,
    tmp_path: Path,
    metadata: str,
    converted: str,
    folder: str,
    rows: int,
):
    commit = publish_audiofolder(hub, "acme/x", metadata=metadata, converted=converted)
    assert api.dataset_info("acme/x").sha == commit
    files = api.list_repo_files("acme/x", repo_type="dataset")
    assert [path for path in files if path.endswith(".wav")] == [
        f"data/train/{row:04d}.wav" for row in range(6)
    ]
    table = download(api, "acme/x", f"data/train/metadata.{metadata}", tmp_path).read_text()
    assert table.count(".wav") == 6
    [ref] = api.list_repo_refs("acme/x", repo_type="dataset").converts
    assert ref.ref == "refs/convert/parquet"
    shard = download(api, "acme/x", f"{folder}/0000.parquet", tmp_path, ref.ref)
    assert pq.read_metadata(shard).num_rows == rows


@pytest.mark.parametrize("publish", [publish_audiofolder, publish_script])
def test_what_was_not_converted_has_no_such_branch(hub: LoopbackHub, api: HfApi, publish: object):
    publish(hub, "acme/x")  # type: ignore[operator]
    assert api.list_repo_refs("acme/x", repo_type="dataset").converts == []


def test_a_script_is_named_after_its_dataset(hub: LoopbackHub, api: HfApi):
    publish_script(hub, "acme/voices", converted="whole")
    assert "voices.py" in api.list_repo_files("acme/voices", repo_type="dataset")


def test_a_conversion_may_have_several_files_without_losing_a_row(
    hub: LoopbackHub, file_system: HfFileSystem
):
    table = speech_table(7, seconds=0.1)
    publish_conversion(hub, "acme/x", table, shards=3, config="ms", split="test")
    parts = [
        pq.read_table(
            io.BytesIO(
                file_system.cat_file(
                    f"datasets/acme/x@refs%2Fconvert%2Fparquet/ms/test/{shard:04d}.parquet"
                )
            )
        )
        for shard in range(3)
    ]
    assert pa.concat_tables(parts)["text"].to_pylist() == table["text"].to_pylist()


@pytest.mark.parametrize("reason", ["broken-footer", "broken-column"])
def test_a_damaged_shard_is_fetched_whole_and_cannot_be_read(
    hub: LoopbackHub, api: HfApi, tmp_path: Path, reason: Reason
):
    publish_refusal(hub, reason)
    sound, damaged = (
        download(api, f"refusals/{reason}", SHARD.format(shard), tmp_path) for shard in (0, 1)
    )
    assert pq.read_table(sound).num_rows == 2
    if reason == "broken-column":
        assert pq.read_metadata(damaged).num_rows == 2
    with pytest.raises((pa.ArrowException, OSError)):
        pq.read_table(damaged)


def test_two_shards_differ_in_their_columns(hub: LoopbackHub, api: HfApi, tmp_path: Path):
    publish_refusal(hub, "differing-columns")
    names = [
        set(pq.read_schema(download(api, "refusals/differing-columns", path, tmp_path)).names)
        for path in (SHARD.format(0), SHARD.format(1))
    ]
    assert names[0] ^ names[1] == {"speaker", "accent"}


def test_a_split_may_have_no_rows(hub: LoopbackHub, api: HfApi, tmp_path: Path):
    publish_refusal(hub, "empty-split")
    shard = download(api, "refusals/empty-split", "data/test-00000-of-00001.parquet", tmp_path)
    assert pq.read_metadata(shard).num_rows == 0


def test_audio_may_have_another_name(hub: LoopbackHub, api: HfApi, tmp_path: Path):
    publish_refusal(hub, "no-audio-column")
    path = "data/train-00000-of-00001.parquet"
    schema = pq.read_schema(download(api, "refusals/no-audio-column", path, tmp_path))
    assert schema.names == ["recording", "sentence"]


def test_there_is_one_dataset_for_every_reason(hub: LoopbackHub):
    assert set(publish_refusals(hub)) == {f"refusals/{reason}" for reason in REASONS}
