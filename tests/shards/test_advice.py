"""Refusals of repositories that give no rows: what they say, and that following it helps."""

from typing import Any

import pyarrow as pa
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hugflow.clients.hub import Hub
from hugflow.errors import RequestInvalid
from hugflow.shards.card import list_splits
from hugflow.shards.card_features import card_features
from hugflow.shards.plan import Plan
from hugflow.shards.plan_request import PlanRequest
from hugflow.shards.resolve import fetch_plan
from hugflow.shards.unreadable_source import has_files
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.layouts import publish_conversion
from hugflow.testing.tables import with_features, write_parquet

REF = "refs/convert/parquet"
TEXTS = with_features(pa.table({"text": ["a", "b"]}))
PARQUET = write_parquet(TEXTS)


def plan_of(hf_id: str, **fields: Any) -> Plan:
    """Plan a published dataset."""
    known: dict[str, Any] = {
        "subset": None,
        "split": "train",
        "revision": "main",
        "audio_column": "audio",
    }
    asked = ("audio_column",) if "audio_column" in fields else ()
    known |= {"text_column": "text", "mp3_source": "copy", "asked": asked}
    return fetch_plan(Hub(), "name", PlanRequest(hf_id=hf_id, **{**known, **fields}))


def refusal_of(hf_id: str, **fields: Any) -> RequestInvalid:
    with pytest.raises(RequestInvalid) as refused:
        plan_of(hf_id, **fields)
    assert type(refused.value).exit_code == 4
    return refused.value


def card(**header: Any) -> bytes:
    return f"---\n{yaml.safe_dump(header)}---\n".encode()


def card_of_splits(**patterns: str) -> bytes:
    files = [{"split": split, "path": path} for split, path in patterns.items()]
    return card(configs=[{"config_name": "default", "data_files": files}])


@pytest.mark.parametrize(
    "left", [("README.md",), ("README.md", "LICENSE", ".gitattributes"), ("LICENSE.txt",)]
)
def test_an_emptied_repository_is_named_so_and_another_name_in_hf_id_helps(
    hub: LoopbackHub, left: tuple[str, ...]
):
    hf_id, new_id = f"advice/emptied-{len(left)}-{len(left[0])}", f"advice/new-{len(left[0])}"
    hub.publish(hf_id, {"data/train-0.parquet": PARQUET, "train.csv": b"text\na\n"})
    # An earlier conversion is of files that were taken away since.
    publish_conversion(hub, hf_id, TEXTS)
    hub.publish(hf_id, dict.fromkeys(left, b"# Moved\n"), from_empty=True)
    hub.clear_requests()
    refusal = refusal_of(hf_id)
    assert "holds no data" in refusal.what
    assert "revision" not in refusal.mend
    assert "hf_id" in refusal.mend
    assert f"/datasets/{hf_id}/discussions" in refusal.mend
    assert len(hub.requests) == 1
    hub.publish(new_id, {"data/train-0.parquet": PARQUET})
    assert plan_of(new_id).rows == 2


STALE = {
    "README.md": card_of_splits(train="data/train-*", dev="data/dev-*"),
    "data/train-0.parquet": PARQUET,
}


@pytest.mark.parametrize(
    "fix",
    [{"README.md": card_of_splits(train="data/train-*")}, {"data/dev-0.parquet": PARQUET}],
    ids=["taken out", "published"],
)
def test_a_split_of_the_card_without_files_is_named_and_either_fix_of_its_owner_helps(
    hub: LoopbackHub, fix: dict[str, bytes]
):
    hf_id = f"advice/stale-{next(iter(fix))[:4].lower()}"
    hub.publish(hf_id, STALE)
    refusal = refusal_of(hf_id)
    assert "'data/dev-*'" in refusal.why
    assert "'dev'" in refusal.why
    assert "take that split out" in refusal.mend
    assert "publish its files" in refusal.mend
    assert REF not in refusal.mend
    hub.publish(hf_id, fix)
    assert plan_of(hf_id).rows == 2


def test_the_conversion_is_advised_where_it_holds_the_split_and_then_it_is_taken(hub: LoopbackHub):
    hub.publish("advice/stale-converted", STALE)
    publish_conversion(hub, "advice/stale-converted", TEXTS)
    assert f'set revision: "{REF}"' in refusal_of("advice/stale-converted").mend
    assert plan_of("advice/stale-converted", revision=REF).rows == 2
    assert REF not in refusal_of("advice/stale-converted", split="dev").mend


def test_a_split_with_a_dash_is_named_and_renamed_by_its_owner_it_is_read(hub: LoopbackHub):
    hub.publish(
        "advice/dashes",
        {"README.md": card_of_splits(**{"train-clean": "d/*"}), "d/x.parquet": PARQUET},
    )
    refusal = refusal_of("advice/dashes")
    assert "'train-clean'" in refusal.what
    assert "'train_clean'" in refusal.mend
    hub.publish("advice/dashes", {"README.md": card_of_splits(train_clean="d/*")})
    assert plan_of("advice/dashes", split="train_clean").rows == 2


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("other", ["docs/instruction.md", "task.toml"])
@pytest.mark.parametrize("fix", ["named", "gone"])
def test_a_file_that_hides_the_parquet_files_is_named_and_either_fix_of_its_owner_helps(
    hub: LoopbackHub, split: str, other: str, fix: str
):
    hf_id = f"advice/hidden-{split}-{other[:4]}-{fix}"
    hub.publish(hf_id, {"train-00000-of-00001.parquet": PARQUET, other: b"# How we recorded\n"})
    refusal = refusal_of(hf_id, split=split)
    assert f"'{other}'" in refusal.why
    assert "'train-00000-of-00001.parquet'" in refusal.why
    assert "set split" not in refusal.mend
    if fix == "named":
        hub.publish(hf_id, {"README.md": card_of_splits(train="*.parquet")})
    else:
        hub.publish(hf_id, {}, delete=[other])
    assert plan_of(hf_id).rows == 2


@pytest.mark.parametrize("is_asked", [True, False])
@pytest.mark.parametrize(
    "samples", [[0.1, 0.2], [1, 2], [[0.1], [0.2]]], ids=["float", "int", "channels"]
)
def test_bare_samples_are_refused_for_their_rate_and_with_it_they_are_taken(
    hub: LoopbackHub, samples: list[Any], is_asked: bool
):
    hf_id = f"advice/bare-{str(samples)[1:4].strip('[').replace('.', '')[:2].strip(',')}-{is_asked}"
    name = {"audio_column": "audio"} if is_asked else {}
    table = pa.table({"audio": [samples], "sampling_rate": [16_000], "text": ["a"]})
    hub.publish(hf_id, {"data/train-0.parquet": write_parquet(table)})
    refusal = refusal_of(hf_id, **name)
    assert "without their rate" in refusal.what
    assert "`array` and `sampling_rate`" in refusal.mend
    table = pa.table({"audio": [{"array": samples, "sampling_rate": 16_000}], "text": ["a"]})
    hub.publish(hf_id, {"data/train-0.parquet": write_parquet(table)})
    assert plan_of(hf_id, **name).audio_column == "audio"


PATHS = write_parquet(pa.table({"audio": ["c/a.wav"], "text": ["a"]}))


@pytest.mark.parametrize("dtype", ["audio", {"audio": {"sampling_rate": 16_000}}], ids=str)
@pytest.mark.parametrize("form", ["one", "list", "named"])
def test_a_column_of_paths_that_the_card_declares_as_audio_needs_no_word_in_the_request(
    hub: LoopbackHub, dtype: Any, form: str
):
    hf_id = f"advice/declared-{len(str(dtype))}-{form}"
    info: Any = {
        "features": [{"name": "audio", "dtype": dtype}, {"name": "text", "dtype": "string"}]
    }
    if form == "named":
        info["config_name"] = "default"
    header = card(dataset_info=[info] if form == "list" else info)
    hub.publish(hf_id, {"README.md": header, "data/train-0.parquet": PATHS})
    assert plan_of(hf_id).audio_column == "audio"


def test_the_card_speaks_for_its_own_subset_alone(hub: LoopbackHub):
    said = {"features": [{"name": "audio", "dtype": "audio"}]}
    infos = [{"config_name": "ms", **said}, {"config_name": "en", "features": []}]
    assert list(card_features({"dataset_info": infos}, "ms", ["audio"])) == ["audio"]
    assert not card_features({"dataset_info": infos}, "en", ["audio"])
    assert not card_features({"dataset_info": infos}, None, ["audio"])
    hub.publish("advice/undeclared", {"data/train-0.parquet": PATHS})
    assert "set audio_column: 'audio'" in refusal_of("advice/undeclared").mend
    assert plan_of("advice/undeclared", audio_column="audio").audio_column == "audio"


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=4) | st.sampled_from(["audio", "default"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "config_name",
                    "data_files",
                    "data_dir",
                    "split",
                    "path",
                    "features",
                    "name",
                    "dtype",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(card=st.dictionaries(st.sampled_from(["configs", "dataset_info"]), JSON))
def test_whatever_stands_in_a_card_reading_it_never_raises(card: dict[str, Any]):
    for subset in (None, "default"):
        for split in list_splits(card, subset):
            assert all(isinstance(pattern, str) for pattern in split.patterns)
        assert card_features(card, subset, ["default"]).keys() <= {"default"}


@pytest.mark.parametrize(
    ("pattern", "is_found"),
    [
        ("data/train-*", True),
        ("./data/train-*", True),
        ("**/train-*", True),
        ("data/**", True),
        ("*.parquet", True),
        ("data/dev-*", False),
        ("dev/**/x*", False),
        ("hf://datasets/a/b/x.parquet", True),
        ("../x.parquet", True),
        ("a*" * 60 + "b", False),
    ],
)
def test_a_pattern_finds_files_of_the_repository_and_one_that_leaves_it_is_not_judged(
    pattern: str, is_found: bool
):
    assert has_files(pattern, ["data/train-0.parquet", "a" * 200]) == is_found
