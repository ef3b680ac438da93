"""What a card's config says of how tables are read; and what is refused because it is not read."""

import json

import pytest

from hugflow.errors import RequestInvalid
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from tests.builds import OpenFor
from tests.shards.layouts.published import COUNT, TEXTS, at, rows, to_csv
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
