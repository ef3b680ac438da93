"""What a card's config says of how tables are read; and what is refused because it is not read."""

import json

import datasets
import pyarrow.parquet as pq
import pytest
import yaml

from hugflow.errors import RequestInvalid
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor
from tests.shards.layouts.published import CLIPS, COUNT, TEXTS, at, rows, to_csv, to_zip
from tests.trees import read_rows_json

LINES = "".join(f'{row["path"]},"{row["text"]}"\n' for row in rows("path"))


def card(*lines: str) -> bytes:
    settings = "".join(f"  {line}\n" for line in lines)
    return f"---\nconfigs:\n- config_name: default\n{settings}---\n".encode()


def test_of_the_columns_only_those_that_a_card_uses_are_kept(hub: LoopbackHub, open_for: OpenFor):
    readme = card("data_files: train.csv", "usecols: [path]")
    hub.publish(
        "card/use", {**at("clips/"), "train.csv": to_csv(rows("path")), "README.md": readme}
    )
    assert open_for("card/use").plan.columns == ("audio", "path")


@pytest.mark.parametrize("key", ["names", "column_names"])
def test_names_of_a_card_are_the_columns_of_a_table_without_header(
    hub: LoopbackHub, open_for: OpenFor, key: str
):
    readme = card("data_files: train.csv", f"{key}: [clip, sentence]")
    hub.publish(f"card/{key}", {**at("clips/"), "train.csv": LINES.encode(), "README.md": readme})
    plan = open_for(f"card/{key}").plan
    assert (plan.columns, plan.shards[0].rows) == (("audio", "clip", "sentence"), COUNT)


def test_a_field_of_a_card_is_the_rows_of_a_json_object(hub: LoopbackHub, open_for: OpenFor):
    readme = card("data_files: train.json", "field: data")
    data = json.dumps({"version": 1, "data": rows("path")}).encode()
    hub.publish("card/field", {**at("clips/"), "train.json": data, "README.md": readme})
    build = open_for("card/field")
    assert build.plan.columns == ("audio", "path", "text")
    sync_dataset(build)
    assert [row["text"] for _, row in sorted(read_rows_json(build.folder).items())] == list(TEXTS)


def test_a_json_object_whose_only_list_names_clips_is_the_rows_of_that_list(
    hub: LoopbackHub, open_for: OpenFor
):
    data = json.dumps({"version": 1, "data": rows("path")}).encode()
    hub.publish("card/none", {**at("clips/"), "train.json": data})
    build = open_for("card/none")
    assert build.plan.columns == ("audio", "path", "text")
    sync_dataset(build)
    assert [row["text"] for _, row in sorted(read_rows_json(build.folder).items())] == list(TEXTS)


def test_a_json_object_that_names_a_clip_stays_one_row_with_its_list(
    hub: LoopbackHub, open_for: OpenFor
):
    data = json.dumps({"path": "c0.wav", "words": [{"word": "tea"}, {"word": "cup"}]}).encode()
    hub.publish("card/one", {**at("clips/"), "train.json": data})
    plan = open_for("card/one").plan
    assert (plan.columns, plan.shards[0].rows) == (("audio", "path", "words"), 1)


def test_a_table_is_read_in_the_encoding_that_a_card_names(hub: LoopbackHub, open_for: OpenFor):
    readme = card("data_files: train.csv", "encoding: latin-1")
    data = to_csv([{**row, "text": "café"} for row in rows("path")]).decode().encode("latin-1")
    hub.publish("card/latin", {**at("clips/"), "train.csv": data, "README.md": readme})
    build = open_for("card/latin")
    sync_dataset(build)
    assert {row["text"] for row in read_rows_json(build.folder).values()} == {"café"}


def test_quotation_marks_are_text_where_a_card_sets_quoting_to_none(
    hub: LoopbackHub, open_for: OpenFor
):
    readme = card("data_files: train.csv", "quoting: 3")
    data = to_csv([{**row, "text": '"yes"'} for row in rows("path")]).decode().replace('"""', '"')
    hub.publish("card/marks", {**at("clips/"), "train.csv": data.encode(), "README.md": readme})
    build = open_for("card/marks")
    sync_dataset(build)
    assert {row["text"] for row in read_rows_json(build.folder).values()} == {'"yes"'}


@pytest.mark.parametrize(
    "setting",
    [
        "skiprows: 1",
        "nrows: 2",
        'comment: "#"',
        "header: 1",
        'sep: "::"',
        "encoding: klingon",
        "index_col: 0",
    ],
)
def test_a_setting_that_changes_rows_and_is_not_read_is_an_error_that_names_it(
    hub: LoopbackHub, open_for: OpenFor, setting: str
):
    name = f"card/{setting.partition(':')[0]}"
    files = {"train.csv": to_csv(rows("path")), "README.md": card("data_files: train.csv", setting)}
    hub.publish(name, {**at("clips/"), **files})
    with pytest.raises(RequestInvalid) as caught:
        _ = open_for(name).plan
    assert setting.partition(":")[0] in str(caught.value)
    assert "train.csv" in str(caught.value)


def test_settings_that_change_no_row_are_passed_over(hub: LoopbackHub, open_for: OpenFor):
    readme = card("data_files: train.csv", 'sep: ","', "header: 0", "encoding: utf8", "nrows: null")
    hub.publish(
        "card/plain", {**at("clips/"), "train.csv": to_csv(rows("path")), "README.md": readme}
    )
    assert open_for("card/plain").plan.columns == ("audio", "path", "text")


def test_metadata_is_read_under_the_name_that_a_card_gives_it(hub: LoopbackHub, open_for: OpenFor):
    readme = card("data_files: train/*", "metadata_filenames: [labels.csv]")
    files = {"train/labels.csv": to_csv(rows("file_name")), "README.md": readme}
    hub.publish("card/labels", {**at("train/"), **files})
    plan = open_for("card/labels").plan
    assert (plan.columns, plan.shards[0].rows) == (("audio", "text"), COUNT)


def test_metadata_that_a_card_names_and_that_is_in_no_split_is_an_error(
    hub: LoopbackHub, open_for: OpenFor
):
    readme = card("data_files: train/*.wav", "metadata_filenames: [labels.csv]")
    files = {"train/labels.csv": to_csv(rows("file_name")), "README.md": readme}
    hub.publish("card/away", {**at("train/"), **files})
    with pytest.raises(RequestInvalid, match="metadata_filenames"):
        _ = open_for("card/away").plan


FEATURES = {
    "path": "audio",
    "text": "string",
    "age": "int32",
    "score": "float64",
    "odd": "int64",
    "label": {"class_label": {"names": {"0": "no", "1": "yes"}}},
}


def declared_card() -> bytes:
    features = [{"name": name, "dtype": dtype} for name, dtype in FEATURES.items()]
    return f"---\n{yaml.safe_dump({'dataset_info': {'features': features}})}---\n".encode()


def declared_rows() -> list[dict[str, str]]:
    return [
        {
            **row,
            "age": f"0{at}" if at else "",
            "score": "1e2",
            "odd": "4" if at else "x",
            "label": "yes" if at else "0",
        }
        for at, row in enumerate(rows("path"))
    ]


@pytest.mark.parametrize("is_packed", [False, True])
def test_columns_of_a_csv_have_the_types_that_the_card_declares_if_all_values_fit(
    hub: LoopbackHub, open_for: OpenFor, is_packed: bool
):
    clips = {"clips.zip": to_zip(CLIPS)} if is_packed else at("clips/")
    files = {"train.csv": to_csv(declared_rows()), "README.md": declared_card(), **clips}
    hf_id = f"card/types{is_packed}"
    hub.publish(hf_id, files)
    build = open_for(hf_id)
    assert build.plan.audio_column == "path"
    assert build.plan.columns == ("path", "text", "age", "score", "odd", "label")
    assert any("'odd' is int64, and not all" in told for told in build.plan.warnings)
    sync_dataset(build)
    made = read_rows_json(build.folder)
    assert [made[row]["age"] for row in sorted(made)] == [None, *range(1, COUNT)]
    labels = [made[row]["label"]["name"] for row in sorted(made)]
    assert labels == ["no", *["yes"] * (COUNT - 1)]
    assert (made[0]["score"], made[0]["odd"], made[1]["odd"]) == (100.0, "x", "4")
    [index] = build.folder.root.glob("index/*.parquet")
    loaded = datasets.Features.from_arrow_schema(pq.read_schema(index))
    assert loaded["label"] == datasets.ClassLabel(names=["no", "yes"])
    assert loaded["age"] == datasets.Value("int32")
    assert list(verify_dataset(build.places, build.name, deep=True)) == []


def test_an_id_that_names_clips_stays_text_though_the_card_says_that_it_is_a_number(
    hub: LoopbackHub, open_for: OpenFor
):
    features = [{"name": "id", "dtype": "int64"}, {"name": "text", "dtype": "string"}]
    readme = f"---\n{yaml.safe_dump({'dataset_info': {'features': features}})}---\n".encode()
    table = to_csv([{"id": f"{n}", "text": "x"} for n in range(COUNT)])
    clips = {f"clips/{n}.wav": data for n, data in enumerate(CLIPS.values())}
    hub.publish("card/ids", {"train.csv": table, "README.md": readme, **clips})
    plan = open_for("card/ids").plan
    assert (plan.audio_column, plan.columns) == ("audio", ("audio", "id", "text"))


def test_tables_of_which_one_has_a_value_that_does_not_fit_keep_the_column_as_text(
    hub: LoopbackHub, open_for: OpenFor
):
    features = [{"name": "age", "dtype": "int64"}]
    readme = f"---\n{yaml.safe_dump({'dataset_info': {'features': features}})}---\n".encode()
    tables = {
        f"train-{n}.csv": to_csv([{"text": "x", "age": age}]) for n, age in enumerate(("7", "old"))
    }
    hub.publish("card/two", {**tables, "README.md": readme})
    build = open_for("card/two")
    sync_dataset(build)
    assert [row["age"] for _, row in sorted(read_rows_json(build.folder).items())] == ["7", "old"]
