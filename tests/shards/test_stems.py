"""Stems: two rows never share a file, whatever they are called."""

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.names import safe_stem, stem_key
from hugflow.shards.stems import plan_suffixes, row_stem, to_filenames

# Few letters and many joints, so that names meet by every road there is.
alike = st.sampled_from("xX1-2é\u0301eEßs").map(str)
adversarial = st.one_of(
    st.none(),
    st.lists(alike, max_size=5).map("".join),
    st.builds("{}-{}".format, st.sampled_from(["x", "X", "x-1", "3"]), st.integers(0, 9)),
    st.integers(0, 9).map(str),
    st.sampled_from(["straße", "STRASSE", "a/x.wav", "../x", ".", "", "x.mp3.wav", "con", "é"]),
    st.text(max_size=6),
)


def stems_of(names: list[str | None]) -> list[str]:
    suffixes = plan_suffixes(pa.chunked_array([pa.array(names, pa.large_string())]))
    return [row_stem(row, name, suffixes) for row, name in enumerate(names)]


@given(names=st.lists(adversarial, max_size=12))
def test_no_two_rows_share_a_file_on_any_disk(names: list[str | None]):
    keys = [stem_key(stem) for stem in stems_of(names)]
    assert len(set(keys)) == len(names)


@given(names=st.lists(adversarial, max_size=12))
def test_the_first_row_of_a_name_keeps_it(names: list[str | None]):
    seen: set[str] = set()
    for row, stem in enumerate(stems_of(names)):
        name = names[row]
        natural = (safe_stem(name) if name is not None else None) or str(row)
        if stem_key(natural) not in seen:
            assert stem == natural
        else:
            assert stem.startswith(f"{natural}-{row}")
        seen.add(stem_key(natural))


@given(names=st.lists(adversarial, max_size=12), cut=st.integers(0, 12))
def test_stems_do_not_depend_on_how_the_column_is_cut(names: list[str | None], cut: int):
    parts = [pa.array(part, pa.large_string()) for part in (names[:cut], names[cut:])]
    assert plan_suffixes(pa.chunked_array(parts)) == plan_suffixes(
        pa.chunked_array([pa.array(names, pa.large_string())])
    )


@pytest.mark.parametrize(
    ("names", "stems"),
    [
        (["x", "x", "x"], ["x", "x-1", "x-2"]),
        (["x", "x", "x-1"], ["x", "x-1-1", "x-1"]),
        (["X", "x"], ["X", "x-1"]),
        (["straße", "STRASSE"], ["straße", "STRASSE-1"]),
        (["e\u0301", "é"], ["é", "é-1"]),
        ([None, None], ["0", "1"]),
        (["1", None], ["1", "1-1"]),
        ([None, "0"], ["0", "0-1"]),
        (["a/x.wav", "b/x.flac", "c\\x"], ["x", "x-1", "x-2"]),
        (["..", "///", "-"], ["0", "1", "2"]),
    ],
)
def test_names_that_meet_are_told_apart_by_their_row(names: list[str | None], stems: list[str]):
    assert stems_of(names) == [unicodedata.normalize("NFC", stem) for stem in stems]


def test_a_name_that_is_no_text_counts_as_none():
    assert row_stem(3, 7, {}) == row_stem(3, None, {}) == row_stem(3, float("nan"), {}) == "3"


def broken_text() -> pa.Array:
    data = pa.array([b"\xff", b"a"])
    return pa.Array.from_buffers(pa.string(), 2, data.buffers())


@pytest.mark.parametrize(
    ("column", "names"),
    [
        (pa.array(["a", None]), ["a", None]),
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.array(["a", None], pa.string_view()), ["a", None]),
        (pa.array(["a", None]).dictionary_encode(), ["a", None]),
        (pa.array([1, 2]), [None, None]),
        (pa.array([1, 2]).dictionary_encode(), [None, None]),
        (pa.array([b"a", b"b"]), [None, None]),
        (pa.array([1, 2], pa.timestamp("us")), [None, None]),
        (pa.array([1, 2], pa.date32()), [None, None]),
        (pa.array([{"a": 1}, None]), [None, None]),
        (pa.nulls(2), [None, None]),
        (broken_text(), [None, "a"]),
    ],
)
def test_only_text_names_a_file_and_a_name_that_is_not_utf8_is_none(
    column: pa.Array, names: list[str | None]
):
    assert to_filenames(column) == names
    assert to_filenames(pa.chunked_array([column])) == names
