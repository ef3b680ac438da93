"""Which files a request means: the dataset's own parquet, else the Hub's conversion of it."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
import yaml

from hugflow.clients.hub import Hub
from hugflow.clients.repository import RepoId
from hugflow.errors import HubUnavailable, HugflowError, RequestInvalid
from hugflow.shards.layouts.registry import LAYOUTS
from hugflow.shards.plan import PARQUET, Plan, plan_summary
from hugflow.shards.plan_file import from_json, to_json
from hugflow.shards.plan_request import PlanRequest
from hugflow.shards.resolve import fetch_plan
from hugflow.stages.tree.manifest import ManifestSource
from hugflow.testing.faults import Match, Status
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.layouts import publish_audiofolder, publish_conversion, publish_script
from hugflow.testing.samples import publish_speech, publish_text, speech_table
from hugflow.testing.tables import with_features, write_parquet

REF = "refs/convert/parquet"
CLIP = b"RIFF"
PlanOf = Callable[..., Plan]


@pytest.fixture
def plan_of(hub: LoopbackHub) -> PlanOf:
    """Plan a published dataset: `plan_of(hf_id, **request fields)`."""

    def plan_of(
        hf_id: str, *, commit: str | None = None, files_commit: str | None = None, **fields: Any
    ) -> Plan:
        known = {"subset": None, "split": "train", "revision": "main", "audio_column": "audio"}
        request = PlanRequest(
            hf_id=hf_id, text_column="text", mp3_source="copy", **{**known, **fields}
        )
        return fetch_plan(Hub(), "name", request, commit=commit, files_commit=files_commit)

    return plan_of


@pytest.fixture
def only_parquet() -> Iterator[None]:
    """No other layout fits, so the conversion is all there is."""
    # Put back in their order, which says which layout goes first: `monkeypatch` would change it.
    layouts = dict(LAYOUTS)
    LAYOUTS.clear()
    LAYOUTS[PARQUET] = layouts[PARQUET]
    yield
    LAYOUTS.clear()
    LAYOUTS.update(layouts)


def texts(*values: str) -> pa.Table:
    return with_features(pa.table({"text": list(values)}))


def paths(plan: Plan) -> list[str]:
    return [shard.files[0].path for shard in plan.shards]


def card(**header: Any) -> bytes:
    return f"---\n{yaml.safe_dump(header)}---\n".encode()


@pytest.mark.parametrize("publish", [publish_audiofolder, publish_script])
def test_a_dataset_without_parquet_is_planned_from_the_hubs_conversion(
    hub: LoopbackHub, plan_of: PlanOf, publish: Callable[..., str]
):
    hf_id = f"source/{publish.__name__}"
    commit = publish(hub, hf_id, rows=6, converted="whole")
    plan = plan_of(hf_id)
    assert paths(plan) == ["default/train/0000.parquet"]
    assert plan.rows == 6
    assert plan.commit == commit != plan.files_commit
    assert plan.files_commit == Hub().fetch_repository(RepoId.dataset(hf_id), REF).commit
    [warning] = plan.warnings
    assert REF in warning
    assert plan.files_commit[:7] in warning


@pytest.mark.parametrize(
    "content",
    [
        {"train.csv": b"text\na\n"},
        {"train.jsonl": b'{"text": "a"}\n'},
        {"data/train.arrow": b"ARROW1"},
        {"train/a.flac": CLIP, "train/metadata.jsonl": b'{"file_name": "a.flac"}\n'},
        {"recordings/a.xyz": b"?"},
    ],
    ids=lambda content: next(iter(content)),
)
def test_whatever_the_files_are_the_conversion_is_taken_where_there_is_one(
    hub: LoopbackHub, plan_of: PlanOf, content: dict[str, bytes]
):
    hf_id = f"source/{next(iter(content)).replace('/', '-')}"
    hub.publish(hf_id, content)
    publish_conversion(hub, hf_id, texts("a", "b", "c"), shards=2)
    assert paths(plan_of(hf_id)) == ["default/train/0000.parquet", "default/train/0001.parquet"]


def test_files_of_no_layout_without_a_conversion_are_refused(hub: LoopbackHub, plan_of: PlanOf):
    hub.publish("source/unknown", {"recordings/a.xyz": b"?"})
    with pytest.raises(RequestInvalid, match="no conversion of the dataset to parquet") as refused:
        plan_of("source/unknown")
    assert REF in refused.value.mend
    assert "data files" in refused.value.why


def test_where_no_split_has_files_the_error_names_a_file_of_the_repository(
    hub: LoopbackHub, plan_of: PlanOf
):
    hub.publish("source/weights", {"README.md": b"# Weights", "model.bin": b"x"})
    with pytest.raises(RequestInvalid, match=r"files like 'model\.bin'"):
        plan_of("source/weights")


def test_the_datasets_own_parquet_goes_before_the_hubs_conversion(
    hub: LoopbackHub, plan_of: PlanOf
):
    commit = publish_text(hub, "source/own", shards=1)
    publish_conversion(hub, "source/own", texts("converted"))
    plan = plan_of("source/own")
    assert plan.files_commit == plan.commit == commit
    assert not plan.is_converted
    assert plan.warnings == ()


def test_a_loading_script_is_neither_run_nor_fetched(hub: LoopbackHub, plan_of: PlanOf):
    publish_script(hub, "source/script")
    with pytest.raises(RequestInvalid, match=r"script\.py") as refused:
        plan_of("source/script")
    assert "never run" in refused.value.why
    assert REF in refused.value.mend
    assert not [request for request in hub.requests if request.path.endswith(".py")]


@pytest.mark.usefixtures("only_parquet")
def test_a_conversion_of_only_the_beginning_is_refused(hub: LoopbackHub, plan_of: PlanOf):
    publish_audiofolder(hub, "source/partial", converted="partial")
    for revision in ("main", REF):
        with pytest.raises(RequestInvalid, match="only the beginning"):
            plan_of("source/partial", revision=revision)


@pytest.mark.usefixtures("only_parquet")
def test_a_conversion_is_of_the_default_branch_and_of_nothing_else(
    hub: LoopbackHub, plan_of: PlanOf
):
    first = publish_audiofolder(hub, "source/moved", rows=2)
    hub.tag("source/moved", "v1")
    head = publish_audiofolder(hub, "source/moved", rows=3, converted="whole")
    for revision in (first, "v1"):
        with pytest.raises(RequestInvalid, match=head[:7]) as refused:
            plan_of("source/moved", revision=revision)
        assert f'set revision: "{REF}"' in refused.value.mend
    assert plan_of("source/moved", revision=head).commit == head


def test_a_plan_made_anew_reads_the_conversion_of_then_after_the_branch_has_moved(
    hub: LoopbackHub, plan_of: PlanOf
):
    publish_audiofolder(hub, "source/anew", rows=2, converted="whole")
    before = plan_of("source/anew")
    publish_audiofolder(hub, "source/anew", rows=3, converted="whole")
    again = plan_of("source/anew", commit=before.commit, files_commit=before.files_commit)
    assert again == before
    assert plan_of("source/anew").rows == 3


def test_the_default_subset_of_the_card_is_the_one_whose_conversion_is_taken(
    hub: LoopbackHub, plan_of: PlanOf
):
    configs = [
        {"config_name": "de", "data_files": "de/*.csv"},
        {"config_name": "en", "data_files": "en/*.csv", "default": True},
    ]
    hub.publish(
        "source/card",
        {"README.md": card(configs=configs), "de/a.csv": b"text\na\n", "en/a.csv": b"text\na\n"},
    )
    publish_conversion(hub, "source/card", texts("eins"), config="de")
    publish_conversion(hub, "source/card", texts("one", "two"), config="en")
    assert plan_of("source/card").rows == 2
    assert paths(plan_of("source/card", subset="de")) == ["de/train/0000.parquet"]


def test_a_script_with_several_subsets_needs_one_to_be_named(hub: LoopbackHub, plan_of: PlanOf):
    publish_script(hub, "source/languages")
    for config in ("ms", "en"):
        publish_conversion(hub, "source/languages", texts(config), config=config)
    with pytest.raises(RequestInvalid, match="names none") as refused:
        plan_of("source/languages")
    assert "'en', 'ms'" in refused.value.why
    assert paths(plan_of("source/languages", subset="ms")) == ["ms/train/0000.parquet"]


@pytest.mark.parametrize("by", ["ref", "commit"])
def test_a_conversion_may_be_requested_itself_by_its_ref_or_its_commit(
    hub: LoopbackHub, plan_of: PlanOf, by: str
):
    hf_id = f"source/itself-{by}"
    publish_speech(hub, hf_id, rows=2, shards=1)
    for config, values in {"en": ("one", "two"), "default": ("x",)}.items():
        commit = publish_conversion(hub, hf_id, texts(*values), config=config)
    revision = REF if by == "ref" else commit
    plan = plan_of(hf_id, revision=revision)
    assert paths(plan) == ["default/train/0000.parquet"]
    assert plan.commit == plan.files_commit == commit
    assert plan.warnings == ()
    assert plan_of(hf_id, revision=revision, subset="en").rows == 2
    with pytest.raises(RequestInvalid, match="no subset 'fr'"):
        plan_of(hf_id, revision=revision, subset="fr")
    with pytest.raises(RequestInvalid, match="no split 'test'"):
        plan_of(hf_id, revision=revision, split="test")


@pytest.mark.usefixtures("only_parquet")
def test_a_conversion_older_than_the_data_is_refused_until_the_hub_has_caught_up(
    hub: LoopbackHub, plan_of: PlanOf
):
    publish_audiofolder(hub, "source/lags", rows=2, converted="whole")
    head = publish_audiofolder(hub, "source/lags", rows=3)
    with pytest.raises(HubUnavailable, match="has not converted this commit yet") as refused:
        plan_of("source/lags")
    assert head[:7] in refused.value.what
    assert "2026-01-01T00:01:00Z" in refused.value.why
    assert "2026-01-01T00:02:00Z" in refused.value.why
    assert refused.value.exit_code == 7
    table = speech_table(3, with_filenames=False)
    converted = publish_conversion(hub, "source/lags", table)
    plan = plan_of("source/lags")
    assert (plan.rows, plan.commit, plan.files_commit) == (3, head, converted)


@pytest.mark.usefixtures("only_parquet")
def test_the_advice_for_an_older_conversion_takes_it_as_it_is_and_says_so(
    hub: LoopbackHub, plan_of: PlanOf
):
    publish_audiofolder(hub, "source/anyway", rows=2, converted="whole")
    publish_audiofolder(hub, "source/anyway", rows=3)
    with pytest.raises(HubUnavailable) as refused:
        plan_of("source/anyway")
    assert f'set revision: "{REF}"' in refused.value.mend
    plan = plan_of("source/anyway", revision=REF)
    assert plan.rows == 2
    [warning] = plan.warnings
    assert "2026-01-01T00:01:00Z" in warning
    assert plan.conversion is not None
    assert plan.conversion.commit == plan.commit


@pytest.mark.parametrize(
    "later",
    [
        {"README.md": b"# Another title\n"},
        {".gitattributes": b"*.wav binary\n"},
        {"data/README.md": b"# What is in here\n"},
    ],
    ids=lambda later: next(iter(later)),
)
def test_a_card_that_changes_after_the_conversion_makes_it_no_older(
    hub: LoopbackHub, plan_of: PlanOf, later: dict[str, bytes]
):
    hf_id = f"source/card-{next(iter(later)).replace('/', '-').replace('.', '')}"
    hub.publish(hf_id, {"data/README.md": b"# Before\n"})
    publish_audiofolder(hub, hf_id, rows=2, converted="whole")
    head = hub.publish(hf_id, later)
    plan = plan_of(hf_id)
    assert (plan.commit, plan.rows) == (head, 2)


@pytest.mark.usefixtures("only_parquet")
@pytest.mark.parametrize(
    ("files", "gone"),
    [
        ({"extra.csv": b"text\nb\n"}, ()),
        ({"train.csv": b"text\nother\n"}, ()),
        ({}, ("train.csv",)),
        ({"deep/er/more.csv": b"text\nb\n"}, ()),
    ],
    ids=["added", "changed", "deleted", "deep"],
)
def test_any_change_of_data_after_the_conversion_is_noticed_behind_changes_of_the_card(
    hub: LoopbackHub, plan_of: PlanOf, files: dict[str, bytes], gone: tuple[str, ...]
):
    hf_id = f"source/change-{len(files)}-{next(iter(files), 'none').replace('/', '-')}"
    kept = {"train.csv": b"text\na\n", "other.csv": b"text\nc\n", "deep/er/x.csv": b"text\nd\n"}
    hub.publish(hf_id, kept)
    publish_conversion(hub, hf_id, texts("a", "c"))
    hub.publish(hf_id, files, delete=gone)
    hub.publish(hf_id, {"README.md": b"# Now\n"})
    with pytest.raises(HubUnavailable, match="has not converted this commit yet"):
        plan_of(hf_id)


@pytest.mark.usefixtures("only_parquet")
def test_a_conversion_of_the_same_second_is_taken_and_one_a_second_older_is_not(
    hub: LoopbackHub, plan_of: PlanOf
):
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    for seconds in (0, 1):
        hf_id = f"source/second-{seconds}"
        hub.publish(hf_id, {"train.csv": b"text\na\n"}, at=noon + timedelta(seconds=seconds))
        content = {"default/train/0000.parquet": write_parquet(texts("a"))}
        hub.publish(hf_id, content, branch=REF, at=noon)
    assert plan_of("source/second-0").rows == 1
    with pytest.raises(HubUnavailable, match="not converted"):
        plan_of("source/second-1")


@pytest.mark.usefixtures("only_parquet")
def test_a_conversion_branch_without_a_file_is_one_that_was_not_filled_yet(
    hub: LoopbackHub, plan_of: PlanOf
):
    content = {"train.csv": b"text\na\n"}
    hub.publish("source/unfilled", content)
    hub.publish("source/unfilled", content, branch=REF)
    with pytest.raises(HubUnavailable, match="not converted") as refused:
        plan_of("source/unfilled")
    assert "holds no parquet file" in refused.value.why
    publish_conversion(hub, "source/unfilled", texts("a"))
    assert plan_of("source/unfilled").rows == 1


def test_dates_cost_no_request_where_the_conversion_is_the_youngest_commit(
    hub: LoopbackHub, plan_of: PlanOf
):
    publish_audiofolder(hub, "source/few", rows=1, converted="whole")
    hub.clear_requests()
    plan_of("source/few")
    asked = [request.path.partition("/source/few")[2] for request in hub.requests]
    assert [path for path in asked if path.startswith("/commits")] == [
        "/commits/refs%2Fconvert%2Fparquet",
        "/commits/main",
    ]
    assert not [path for path in asked if path.startswith("/revision/refs")]


def test_a_conversion_that_cannot_be_looked_up_now_is_not_taken_for_missing(
    hub: LoopbackHub, plan_of: PlanOf, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("time.sleep", lambda wait_s: None)
    publish_audiofolder(hub, "source/down", converted="whole")
    hub.inject(Status(503), when=Match(path="*/commits/refs*"), times=None)
    with pytest.raises(HubUnavailable):
        plan_of("source/down")


def test_one_passing_fault_anywhere_fails_no_plan_of_a_conversion(
    hub: LoopbackHub, plan_of: PlanOf, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("time.sleep", lambda wait_s: None)
    publish_audiofolder(hub, "source/calm", rows=1, converted="whole")
    hub.clear_requests()
    plan_of("source/calm")
    for after in range(len(hub.requests)):
        hf_id = f"source/fault-{after}"
        publish_audiofolder(hub, hf_id, rows=1, converted="whole")
        with hub.faults(Status(503), after=after) as injection:
            assert plan_of(hf_id).rows == 1
        assert injection.struck == 1


def test_the_commit_of_the_conversion_is_in_the_plans_file_summary_and_manifest(
    hub: LoopbackHub, plan_of: PlanOf
):
    publish_audiofolder(hub, "source/recorded", rows=2, converted="whole")
    plan = plan_of("source/recorded")
    assert from_json(to_json(plan)) == plan
    summary = plan_summary(plan)
    assert (summary["files_commit"], summary["converted"]) == (plan.files_commit, True)
    source = ManifestSource.of(plan)
    assert (source.commit, source.ref) == (plan.files_commit, REF)
    assert source.conversion == plan.conversion
    assert summary["conversion"] == {
        "commit": plan.files_commit,
        "date": "2026-01-01T00:01:00Z",
        "head": plan.commit,
        "head_date": "2026-01-01T00:00:00Z",
    }


def test_the_manifest_of_a_dataset_of_its_own_parquet_names_no_ref(
    hub: LoopbackHub, plan_of: PlanOf
):
    commit = publish_text(hub, "source/plain", shards=2)
    source = ManifestSource.of(plan_of("source/plain"))
    assert source == ManifestSource(2, source.bytes, commit, None)


@pytest.mark.parametrize("split", ["all", "ALL", "All"])
def test_a_split_that_datasets_reads_from_no_folder_gets_another_name_there_and_a_warning(
    hub: LoopbackHub, plan_of: PlanOf, split: str
):
    hf_id = f"source/{split}"
    hub.publish(hf_id, {f"data/{split}-00000-of-00001.parquet": write_parquet(texts("a"))})
    plan = plan_of(hf_id, split=split)
    assert plan.card_split == f"{split}_"
    assert f"'{split}_'" in plan.warnings[-1]


def test_a_renamed_dataset_is_planned_with_a_warning(hub: LoopbackHub, plan_of: PlanOf):
    publish_text(hub, "source/before", shards=1)
    hub.rename("source/before", "source/after")
    plan = plan_of("source/before")
    assert plan.rows == 20
    assert "'source/after'" in plan.warnings[-1]


def test_a_card_that_names_no_default_among_several_subsets_lists_them(
    hub: LoopbackHub, plan_of: PlanOf
):
    configs = [{"config_name": name, "data_files": f"{name}/*.csv"} for name in ("ms", "en")]
    content = {f"{name}/a.csv": b"text\na\n" for name in ("ms", "en")}
    hub.publish("source/several", {"README.md": card(configs=configs), **content})
    with pytest.raises(HugflowError, match="several subsets") as refused:
        plan_of("source/several")
    assert "'ms', 'en'" in refused.value.why
    assert 'subset: "ms"' in refused.value.mend


@pytest.mark.parametrize(
    "files",
    [
        {"data/train-00000-of-00001.parquet": write_parquet(texts("a"))},
        {"README.md": card(configs=[{"config_name": "x", "data_files": "a.parquet"}])},
        {"README.md": card(dataset_info={"features": [{"name": "text", "dtype": "string"}]})},
    ],
    ids=["names", "configs", "features"],
)
def test_a_usual_dataset_is_planned_without_datasets(
    hub: LoopbackHub, plan_of: PlanOf, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
):
    """None in sys.modules makes the import fail."""
    hub.publish("source/usual", {"a.parquet": write_parquet(texts("a", "b")), **files})
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert plan_of("source/usual").rows in (1, 2)


def test_a_card_that_is_not_understood_is_left_to_datasets(
    hub: LoopbackHub, plan_of: PlanOf, monkeypatch: pytest.MonkeyPatch
):
    configs = [{"config_name": "x", "data_files": "[!b].parquet"}]
    hub.publish(
        "source/odd", {"a.parquet": write_parquet(texts("a")), "README.md": card(configs=configs)}
    )
    assert plan_of("source/odd").rows == 1
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ImportError):
        plan_of("source/odd")


def test_a_repository_with_more_files_than_a_page_is_listed_once(hub: LoopbackHub, plan_of: PlanOf):
    clips = {f"train/{number:04d}.wav": CLIP for number in range(1_100)}
    hub.publish("source/many", {**clips, "README.md": card(license="mit")})
    hub.clear_requests()
    plan = plan_of("source/many")
    asked = [each.path for each in hub.requests]
    assert plan.rows == 1_100
    assert sum("/tree/" in path for path in asked) == 2
    assert len(asked) < 10
