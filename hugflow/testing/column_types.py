"""Datasets with columns of every type that Hub datasets have, beside their audio.

    publish_types(hub)                  one repository per family, and `types/all` with every column
    publish_type(hub, "times")          one of them, as `types/times`

    numbers   integers of every width, floats, bools, decimals
    times     dates, times of day, timestamps with and without a zone, durations
    texts     strings and bytes of every width, dictionary-encoded strings, nulls
    nested    lists, large lists, lists of fixed size, structs, lists of structs
    features  what `datasets` declares over them: classes, translations, images, arrays, JSON
    all       the columns of all these
    foreign   types that parquet holds and `datasets` does not know, one subset each

Every table has four rows: an ordinary one, two extreme ones (the least and the greatest number,
NaN and infinity, empty and long), and one of nulls. The features are declared as
`datasets.push_to_hub` declares them.
"""

import json
import struct
import uuid
import zlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal, Unpack, get_args

import pyarrow as pa

from hugflow.late_dataclass import dataclass
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import SPEECH_CARD, Publication, speech_table
from hugflow.testing.tables import (
    DEFAULT_CONFIG,
    Feature,
    Splits,
    class_label_feature,
    read_features,
    to_repository,
    with_features,
)

Family = Literal["numbers", "times", "texts", "nested", "features", "all", "foreign"]
FAMILIES: tuple[Family, ...] = get_args(Family)
OWNER = "types"
ROWS = 4
CLIP_S = 0.3

LABELS = ("no", "yes", "perhaps")
LANGUAGES = ("en", "ms")
BYTES_AND_PATH = pa.struct({"bytes": pa.binary(), "path": pa.string()})
# Features of `datasets` that keep a file, and the beginning of such a file.
FILE_FEATURES = {
    "video": ("Video", b"\x00\x00\x00\x18ftypmp42", "clip.mp4"),
    "pdf": ("Pdf", b"%PDF-1.4\n%%EOF\n", "page.pdf"),
    "nifti": ("Nifti", b"\x5c\x01\x00\x00", "brain.nii"),
    "mesh": ("Mesh", b"ply\nformat ascii 1.0\nend_header\n", "shape.ply"),
    "bio_sequence": ("BioSequence", b">a\nACGT\n", "gene.fasta"),
    "bio_structure": ("BioStructure", b"END\n", "protein.pdb"),
}


@dataclass(frozen=True, slots=True)
class TypedColumn:
    """Four values of one type, and the declared feature if the type does not imply it."""

    type: pa.DataType
    values: Iterable[Any]
    feature: Feature | None = None


def publish_types(hub: LoopbackHub, **publication: Unpack[Publication]) -> dict[str, str]:
    """Every family in a repository of its own, `types/<family>`; the commit by repository."""
    return {f"{OWNER}/{family}": publish_type(hub, family, **publication) for family in FAMILIES}


def publish_type(
    hub: LoopbackHub,
    family: Family,
    repo_id: str | None = None,
    *,
    with_audio: bool = True,
    **publication: Unpack[Publication],
) -> str:
    """One family, by default as `types/<family>`; `with_audio=False` leaves the audio out.

    `foreign` has a subset per type: `map`, `uuid`, `decimal32`, `list-view`, `struct-in-map`.
    """
    configs: Mapping[str, Splits]
    if family == "foreign":
        configs = {
            name: {
                "train": types_table(
                    {name: column}, with_audio=with_audio
                ).replace_schema_metadata()
            }
            for name, column in foreign_columns().items()
        }
    else:
        table = types_table(typed_columns(family), with_audio=with_audio)
        configs = {DEFAULT_CONFIG: {"train": table}}
    files = to_repository(configs, title=f"Columns: {family}", card=SPEECH_CARD)
    return hub.publish(repo_id or f"{OWNER}/{family}", files, **publication)


def types_table(columns: Mapping[str, TypedColumn], *, with_audio: bool = True) -> pa.Table:
    """Columns as a table with their features declared, after `audio` and `text`."""
    speech = speech_table(ROWS, seconds=CLIP_S, with_filenames=False)
    table = speech.select(["audio", "text"] if with_audio else ["text"])
    features = {name: read_features(speech)[name] for name in table.column_names}
    for name, column in columns.items():
        values = pa.array(list(column.values), column.type)
        table = table.append_column(_to_field(name, column), values)
        if column.feature is not None:
            features[name] = column.feature
    return with_features(table, features)


def typed_columns(family: Family) -> dict[str, TypedColumn]:
    """The columns of one family that `datasets` knows."""
    columns = {
        "numbers": _numbers,
        "times": _times,
        "texts": _texts,
        "nested": _nested,
        "features": _features,
    }
    if family == "all":
        return {name: column for make in columns.values() for name, column in make().items()}
    return columns[family]()


def foreign_columns() -> dict[str, TypedColumn]:
    """Columns that parquet holds and `datasets` does not know."""
    pairs = [[("a", 1), ("b", 2)], [], [("", None)], None]
    ids = [uuid.UUID(int=number).bytes for number in (1, 0, 2**128 - 1)]
    nested = pa.map_(pa.string(), pa.struct({"n": pa.int8()}))
    return {
        "map": TypedColumn(pa.map_(pa.string(), pa.int32()), pairs),
        "struct-in-map": TypedColumn(nested, [[("a", {"n": 1})], [], [("b", None)], None]),
        "uuid": TypedColumn(pa.uuid(), [*ids, None]),
        "decimal32": TypedColumn(
            pa.decimal32(5, 2), [Decimal("1.50"), Decimal("-999.99"), Decimal("999.99"), None]
        ),
        "list-view": TypedColumn(pa.list_view(pa.int8()), [[1, 2], [], [127], None]),
    }


def tiny_png() -> bytes:
    """One black pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0\0")
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _numbers() -> dict[str, TypedColumn]:
    columns = {}
    for bits in (8, 16, 32, 64):
        signed, unsigned = pa.type_for_alias(f"int{bits}"), pa.type_for_alias(f"uint{bits}")
        ends = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1]
        columns[f"int{bits}"] = TypedColumn(signed, [1, *ends, None])
        columns[f"uint{bits}"] = TypedColumn(unsigned, [1, 0, 2**bits - 1, None])
    for bits in (16, 32, 64):
        type_ = pa.type_for_alias(f"float{bits}")
        columns[f"float{bits}"] = TypedColumn(type_, [1.5, float("nan"), float("inf"), None])
        columns[f"float{bits}_below"] = TypedColumn(type_, [-0.0, float("-inf"), 6.1e-5, None])
    fractions = [Decimal("1.50"), Decimal("-99999999.99"), Decimal("99999999.99"), None]
    digits = Decimal("9" * 70 + ".999999")
    return columns | {
        "bool": TypedColumn(pa.bool_(), [True, False, True, None]),
        "decimal128": TypedColumn(pa.decimal128(10, 2), fractions),
        "decimal128_whole": TypedColumn(pa.decimal128(38, 0), [1, -(10**37), 10**37, None]),
        "decimal256": TypedColumn(
            pa.decimal256(76, 6), [Decimal("1.5"), digits.copy_negate(), digits, None]
        ),
    }


def _times() -> dict[str, TypedColumn]:
    day_ms = 86_400_000
    units = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
    columns = {
        # Day 0 is the first of January 1970; the extremes are the years 1 and 9999.
        "date32": TypedColumn(pa.date32(), [20_000, -719_162, 2_932_896, None]),
        "date64": TypedColumn(pa.date64(), [20_000 * day_ms, -day_ms, 2_932_896 * day_ms, None]),
    }
    for unit, per_s in units.items():
        moments = [1_767_225_600 * per_s + per_s // 2, -per_s, 9_000_000_000 * per_s, None]
        columns[f"timestamp_{unit}"] = TypedColumn(pa.timestamp(unit), moments)
        columns[f"timestamp_{unit}_utc"] = TypedColumn(pa.timestamp(unit, "UTC"), moments)
        columns[f"duration_{unit}"] = TypedColumn(
            pa.duration(unit), [90 * per_s + 1, -per_s, 0, None]
        )
        time = pa.time32(unit) if unit in {"s", "ms"} else pa.time64(unit)
        columns[f"time_{unit}"] = TypedColumn(time, [45_296 * per_s, 0, 86_400 * per_s - 1, None])
    return columns | {
        "timestamp_berlin": TypedColumn(pa.timestamp("us", "Europe/Berlin"), [0, 1, 2, None]),
        "timestamp_offset": TypedColumn(pa.timestamp("us", "+05:30"), [0, 1, 2, None]),
    }


def _texts() -> dict[str, TypedColumn]:
    texts = ["hello", "", 'grüße 👋\n\t\x00\u2028"quoted"' + "x" * 5_000, None]
    data = [b"\x00\xff", b"", b"\x00" * 5_000, None]
    codes = pa.dictionary(pa.int8(), pa.string())
    return {
        "string": TypedColumn(pa.string(), texts),
        "large_string": TypedColumn(pa.large_string(), texts),
        "string_view": TypedColumn(pa.string_view(), texts),
        "dictionary": TypedColumn(codes, ["a", "b", "a", None]),
        "binary": TypedColumn(pa.binary(), data),
        "large_binary": TypedColumn(pa.large_binary(), data),
        "binary_view": TypedColumn(pa.binary_view(), data),
        "fixed_size_binary": TypedColumn(pa.binary(4), [b"abcd", b"\0\0\0\0", b"\xff" * 4, None]),
        "null": TypedColumn(pa.null(), [None] * ROWS),
    }


def _nested() -> dict[str, TypedColumn]:
    lists = [[1, 2, 3], [], [None, -(2**31)], None]
    words = [["a", "b"], [], ["", None], None]
    span = pa.struct({"start": pa.float64(), "word": pa.string(), "tags": pa.list_(pa.string())})
    spans = [{"start": 0.5, "word": "a", "tags": ["x"]}, {"start": None, "word": "", "tags": []}]
    inner = pa.struct({"b": pa.struct({"c": pa.timestamp("us"), "d": pa.decimal128(5, 1)})})
    deep = {"a": {"b": {"c": 0, "d": Decimal("1.5")}}}
    nothing = {"a": {"b": {"c": None, "d": None}}}
    return {
        "list": TypedColumn(pa.list_(pa.int32()), lists),
        "large_list": TypedColumn(pa.large_list(pa.string()), words),
        "fixed_size_list": TypedColumn(
            pa.list_(pa.float32(), 2), [[1.0, 2.0], [float("nan"), 0.0], [None, None], None]
        ),
        "list_of_lists": TypedColumn(
            pa.list_(pa.list_(pa.string())), [[["a"], []], [], [None, ["b", None]], None]
        ),
        "list_of_dates": TypedColumn(pa.list_(pa.date32()), [[0], [], [None], None]),
        "list_of_binary": TypedColumn(pa.list_(pa.binary()), [[b"\xff"], [], [None], None]),
        "struct": TypedColumn(span, [*spans, {"start": float("inf"), "word": None}, None]),
        "list_of_structs": TypedColumn(pa.list_(span), [spans, [], [None], None]),
        "deep_struct": TypedColumn(
            pa.struct({"a": inner}), [deep, nothing, {"a": {"b": None}}, None]
        ),
    }


def _features() -> dict[str, TypedColumn]:
    classes = class_label_feature(*LABELS)
    translation = pa.struct(dict.fromkeys(LANGUAGES, pa.string()))
    variable = pa.struct(dict.fromkeys(("language", "translation"), pa.list_(pa.string())))
    image = {"bytes": tiny_png(), "path": "pixel.png"}
    images = [image, {"bytes": tiny_png(), "path": None}, {"bytes": b"no image", "path": ""}, None]
    numbers = pa.list_(pa.list_(pa.float32()))
    columns = {
        "class_label": TypedColumn(pa.int64(), [1, 0, 2, None], classes),
        "class_labels": TypedColumn(
            pa.list_(pa.int64()), [[0, 2], [], [1], None], {"feature": classes, "_type": "List"}
        ),
        "old_sequence": TypedColumn(
            pa.list_(pa.int64()),
            [[0], [], [1, 2], None],
            {"feature": {"dtype": "int64", "_type": "Value"}, "_type": "Sequence"},
        ),
        "translation": TypedColumn(
            translation,
            [{"en": "tea", "ms": "teh"}, {"en": "", "ms": ""}, {"en": "tea", "ms": None}, None],
            {"languages": list(LANGUAGES), "_type": "Translation"},
        ),
        "translations": TypedColumn(
            variable,
            [
                {"language": ["en", "ms"], "translation": ["tea", "teh"]},
                {"language": [], "translation": []},
                {"language": ["en"], "translation": [None]},
                None,
            ],
            {
                "languages": list(LANGUAGES),
                "num_languages": len(LANGUAGES),
                "_type": "TranslationVariableLanguages",
            },
        ),
        "image": TypedColumn(BYTES_AND_PATH, images, {"_type": "Image"}),
        "images": TypedColumn(
            pa.list_(BYTES_AND_PATH),
            [[image, image], [], [image], None],
            {"feature": {"_type": "Image"}, "_type": "List"},
        ),
        "array2d": TypedColumn(
            numbers,
            [[[1.0, 2.0]], [[0.0, float("nan")]], [[-1.0, float("inf")]], None],
            {"shape": [1, 2], "dtype": "float32", "_type": "Array2D"},
        ),
        "json": TypedColumn(
            pa.json_(), ['{"a": [1, null]}', "{}", '{"b": {"c": "d"}}', None], {"_type": "Json"}
        ),
    }
    for name, (kind, content, path) in FILE_FEATURES.items():
        file = {"bytes": content, "path": path}
        columns[name] = TypedColumn(BYTES_AND_PATH, [file, file, file, None], {"_type": kind})
    return columns


def _to_field(name: str, column: TypedColumn) -> pa.Field:
    """The field, marked as `datasets` marks arrays with a type of their own."""
    match column.feature:
        case {"_type": "Array2D" | "Array3D" as kind, "shape": shape, "dtype": dtype}:
            metadata = {
                "ARROW:extension:name": f"datasets.features.features.{kind}ExtensionType",
                "ARROW:extension:metadata": json.dumps([shape, dtype]),
            }
            return pa.field(name, column.type, metadata=metadata)
        case _:
            return pa.field(name, column.type)
