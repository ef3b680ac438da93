"""What a stranger declares: believed where it makes sense, and harmless where it does not."""

import io
import json
import subprocess
import sys
from contextlib import redirect_stdout
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.rows.record import column_values
from hugflow.shards.declared import declared_feature
from hugflow.shards.features import index_features
from hugflow.stages.sync import sync_dataset
from hugflow.testing.column_types import FAMILIES, typed_columns
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.tables import to_shards
from tests.builds import OpenFor
from tests.trees import read_rows_json

NUMBERS, WORDS = pa.array([0, 1]), pa.array(["a", "b"])
MATRICES = pa.array([[[1, 2], [3, 4]]] * 2, pa.list_(pa.list_(pa.int64())))
FILES = pa.array([{"bytes": b"x", "path": "x"}, None])
PAIRS = pa.array([[1, 2], [3, 4]], pa.list_(pa.int64(), 2))
SURROGATE = "\ud800"


def declare(kind: str, **fields: Any) -> dict[str, Any]:
    """A feature as it stands in metadata."""
    return {"_type": kind, **fields}


# By column: its values, and a declaration that must not be believed.
HOSTILE: dict[str, tuple[pa.Array, Any]] = {
    "name_not_utf8": (NUMBERS, declare("ClassLabel", names=["no", SURROGATE])),
    "name_nan": (NUMBERS, declare("ClassLabel", names=["no", float("nan")])),
    "name_number": (NUMBERS, declare("ClassLabel", names=[1, 2])),
    "name_null": (NUMBERS, declare("ClassLabel", names=["no", None])),
    "names_twice": (NUMBERS, declare("ClassLabel", names=["no", "no"])),
    "names_word": (NUMBERS, declare("ClassLabel", names="ab")),
    "names_file": (NUMBERS, declare("ClassLabel", names_file="/etc/hostname")),
    "id_not_utf8": (WORDS, declare("Value", dtype="string", id=SURROGATE)),
    "id_infinite": (WORDS, declare("Value", dtype="string", id=float("inf"))),
    "id_list": (WORDS, declare("Value", dtype="string", id=[{}])),
    "dtype_calls": (WORDS, declare("Value", dtype="show_info")),
    "dtype_huge": (WORDS, declare("Value", dtype=f"fixed_size_binary[{10**30}]")),
    "shape_negative": (MATRICES, declare("Array2D", shape=[-1, 0], dtype="int64")),
    "shape_word": (MATRICES, declare("Array2D", shape="ab", dtype="int64")),
    "shape_short": (MATRICES, declare("Array2D", shape=[2], dtype="int64")),
    "shape_open_inside": (MATRICES, declare("Array2D", shape=[2, None], dtype="int64")),
    "shape_truth": (MATRICES, declare("Array2D", shape=[True, 2], dtype="int64")),
    "shape_huge": (MATRICES, declare("Array2D", shape=[10**30, 2], dtype="int64")),
    "shape_none": (MATRICES, declare("Array2D", dtype="int64")),
    "length_text": (PAIRS, declare("List", feature=declare("Value", dtype="int64"), length="2")),
    "length_float": (PAIRS, declare("List", feature=declare("Value", dtype="int64"), length=2.0)),
    "mode_unknown": (FILES, declare("Image", mode="SMELL")),
    "decode_word": (FILES, declare("Image", decode="no")),
    "deep_nan": (
        pa.array([[{"a": 0}], []]),
        declare("List", feature={"a": declare("ClassLabel", names=[float("nan")])}),
    ),
    "no_feature": (NUMBERS, 5),
}  # fmt: skip
LOAD = """
import sys, datasets
data = datasets.load_dataset(sys.argv[1])["train"]
print(len(list(data)))
"""


def schema_of(hostile: dict[str, tuple[pa.Array, Any]], **others: Any) -> pa.Schema:
    """The types of the columns, with what is declared of them, and of `others`."""
    declared = {name: feature for name, (_, feature) in hostile.items()} | others
    fields = [(name, values.type) for name, (values, _) in hostile.items()]
    metadata = {"huggingface": json.dumps({"info": {"features": declared}})}
    return pa.schema([*fields, *((name, pa.int64()) for name in others)], metadata)


def known_declarations() -> dict[str, tuple[pa.DataType, Any]]:
    """Everything that `datasets` itself declares."""
    families = [family for family in FAMILIES if family not in ("all", "foreign")]
    columns = {n: column for family in families for n, column in typed_columns(family).items()}
    return {n: (c.type, c.feature) for n, c in columns.items() if c.feature is not None}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_makes_no_sense_is_dropped_for_that_column_and_no_other(name: str):
    label = declare("ClassLabel", names=["no", "yes"])
    schema = schema_of({name: HOSTILE[name]}, label=label)
    plain = schema_of({name: (HOSTILE[name][0], None)}, label=label)
    with redirect_stdout(io.StringIO()) as printed:
        assert index_features(schema, ()) == index_features(plain, ())
    assert index_features(schema, ())[0]["label"] == label
    assert not printed.getvalue()


@pytest.mark.parametrize("name", known_declarations())
def test_what_datasets_declares_is_believed(name: str):
    type_, feature = known_declarations()[name]
    assert declared_feature(pa.field("x", type_), feature) is not None


@pytest.mark.parametrize(
    ("values", "feature"),
    [
        (MATRICES, declare("Array2D", shape=[None, 2], dtype="int64", id=None)),
        (NUMBERS, declare("ClassLabel", num_classes=2, names=["nein", "jå \U0001f600\x85\x00"])),
        (WORDS, declare("Value", dtype="string", id="words")),
        (FILES, {"_type": "Image", "decode": True, "dtype": "PIL.Image.Image", "id": None}),
        (PAIRS, declare("Sequence", feature=declare("Value", dtype="int64"), length=2)),
    ],
)
def test_what_older_and_other_writers_declare_is_believed(values: pa.Array, feature: Any):
    assert declared_feature(pa.field("x", values.type), feature) is not None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(SURROGATE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)
kinds = st.sampled_from(["ClassLabel", "Value", "Array2D", "List", "Image", "Audio", "Json", "_x"])
names = st.sampled_from(["names", "dtype", "id", "shape", "length", "feature", "mode", "decode"])


@given(data=st.data(), column=st.sampled_from(sorted(HOSTILE)))
def test_no_declaration_stops_planning_or_leaves_strict_json(data: st.DataObject, column: str):
    values, hostile = HOSTILE[column]
    base = hostile if isinstance(hostile, dict) else {"_type": data.draw(kinds)}
    feature = {**base, **data.draw(st.dictionaries(names, anything, max_size=3))}
    features, card = index_features(schema_of({column: (values, feature)}), ())
    json.dumps([features, card], ensure_ascii=False, allow_nan=False).encode()
    found = column_values(values, features[column])
    json.dumps(found, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize("schema", [[("_type", pa.int8())], [("x", pa.struct({"_type": "int8"}))]])
def test_a_column_that_no_card_can_name_is_an_error_that_says_so(schema: Any):
    with pytest.raises(ValueError, match="'_type'"):
        index_features(pa.schema(schema), ())


@pytest.mark.slow
def test_a_dataset_full_of_nonsense_is_made_and_loads(hub: LoopbackHub, open_for: OpenFor):
    columns = {name: values for name, (values, _) in HOSTILE.items()}
    table = pa.table(columns).replace_schema_metadata(schema_of(HOSTILE).metadata)
    hub.publish("stranger/says", to_shards(table, split="train", shards=1, folder="data"))
    build = open_for("stranger/says")
    sync_dataset(build)
    assert read_rows_json(build.folder)[1]["name_nan"] == 1
    command = [sys.executable, "-c", LOAD, str(build.folder.root)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    assert child.stdout == "2\n"


@pytest.mark.parametrize(("precision", "dtype"), [(50, "string"), (30, "decimal128(30, 2)")])
def test_a_decimal_inside_a_struct_costs_no_other_field_its_feature(precision: int, dtype: str):
    label = declare("ClassLabel", names=["no", "yes"])
    price = declare("Value", dtype=f"decimal256({precision}, 2)")
    inner = {"label": label, "price": price}
    type_ = pa.struct([("label", pa.int64()), ("price", pa.decimal256(precision, 2))])
    for meant, feature in ((type_, inner), (pa.list_(type_), declare("List", feature=inner))):
        schema = schema_of({"item": (pa.nulls(1, meant), feature)})
        found = index_features(schema, ())[0]["item"]
        struct = found if meant is type_ else found["feature"]
        assert struct == {"label": label, "price": declare("Value", dtype=dtype)}
