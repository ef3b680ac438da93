"""What Hugflow calls things, whatever it is given."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hugflow.names import (
    dataset_groups,
    dataset_name,
    group_name,
    op_name,
    partition_key,
    safe_stem,
    shard_name,
    short_name,
    stem_key,
)

# Few characters, and those that build names: this way hypothesis finds what can be read two ways.
JOINTS = st.text(alphabet="__aA.-é ", max_size=6)
WORDS = st.sampled_from(["subset", "split", "rev", "subset_a", "split_a", "rev_a", "_", "__", "a"])
PARTS = st.one_of(
    JOINTS, st.lists(WORDS, max_size=3).map("__".join), st.lists(WORDS, max_size=3).map("_".join)
)
IDENTITIES = st.tuples(
    st.one_of(st.tuples(PARTS, PARTS).map("/".join), PARTS, st.text(max_size=8)),
    st.one_of(st.none(), PARTS, st.text(max_size=8)),
    st.one_of(st.just("train"), PARTS),
    st.one_of(st.just("main"), PARTS, st.text(max_size=250)),
)
ANY_TEXT = st.text(alphabet=st.characters(), max_size=60)
WITH_SURROGATES = st.text(alphabet=st.characters(exclude_categories=[]), max_size=40)
FILENAME_PIECES = st.sampled_from(
    [
        *(".wav", ".MP3", ".", "..", " ", "-", "_", "/", "\\", "\n", "*", "a", ".tar"),
        *("con", "NUL", "COM1", "é", "e\u0301", "\u202e", "\ud800", "x" * 90, "語" * 60),
    ]
)
FILENAMES = st.one_of(WITH_SURROGATES, st.lists(FILENAME_PIECES, max_size=6).map("".join), ANY_TEXT)


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        (
            ("mozilla-foundation/common_voice_11_0", "ms", "train", "main"),
            "mozilla-foundation__common_voice_11_0__subset_ms__split_train__rev_main",
        ),
        (("PolyAI/minds14", "en-US", "train", "main"), "PolyAI__minds14__subset_en-US__split_train__rev_main"),
        (("org/data", None, "test.clean", "v1.0"), "org__data__split_test.clean__rev_v1.0"),
        (("org/data", None, "train", "0" * 40), "org__data__split_train__rev_" + "0" * 40),
        (("org/subset_a", None, "train", "main"), "org__subset_a__split_train__rev_main"),
    ],
)  # fmt: skip
def test_an_ordinary_dataset_has_a_plain_name(identity, name):
    assert dataset_name(*identity) == name


@pytest.mark.parametrize(
    ("identity", "start"),
    [
        (("org/a__b", None, "train", "main"), "org__a__b__split_train__rev_main__"),
        (("org_/data", None, "train", "main"), "org___data__split_train__rev_main__"),
        (("org/data", "_x", "train", "main"), "org__data__subset__x__split_train__rev_main__"),
        (("org/data", "a b", "train", "main"), "org__data__subset_a_b__split_train__rev_main__"),
        (("org/data", "", "train", "main"), "org__data__subset___split_train__rev_main__"),
        (("org/data", None, "train", "refs/pr/1"), "org__data__split_train__rev_refs_pr_1__"),
        (("org/data", None, "train", "v1."), "org__data__split_train__rev_v1.__"),
        (("data", None, "train", "main"), "data__split_train__rev_main__"),
        (("../..", None, "train", "main"), "_.__..__split_train__rev_main__"),
    ],
)
def test_a_name_that_lost_something_ends_in_a_hash(identity, start):
    assert re.fullmatch(re.escape(start) + "[0-9a-f]{8}", dataset_name(*identity))


def test_a_long_name_is_cut_and_ends_in_a_hash():
    name = dataset_name("a" * 96 + "/" + "b" * 96, "c" * 128, "train", "main")
    assert len(name) == 200
    assert re.search("__[0-9a-f]{8}$", name)


@given(identity=IDENTITIES)
@example(identity=("", None, "", ""))
@example(identity=("-rf/x", None, "a", "b"))
def test_every_dataset_name_is_safe_in_a_path(identity):
    name = dataset_name(*identity)
    assert re.fullmatch("[A-Za-z0-9_][A-Za-z0-9._-]{0,199}", name)
    assert not name.endswith(".")


@given(one=IDENTITIES, other=IDENTITIES)
@example(one=("a/b__subset_c", None, "d", "e"), other=("a/b", "c", "d", "e"))
@example(one=("a/b", "c__split_d", "e", "f"), other=("a/b", "c", "d__split_e", "f"))
@example(one=("a_/b", None, "c", "d"), other=("a/_b", None, "c", "d"))
@example(one=("x/subset_a", None, "c", "d"), other=("x", "a", "c", "d"))
@example(one=("a/b", None, "c", "d"), other=("a/b", "", "c", "d"))
@example(one=("a/b", None, "c", "\ud83d\ude00"), other=("a/b", None, "c", "😀"))
@example(one=("a/b", None, "c", "\u00e9"), other=("a/b", None, "c", "e\u0301"))
def test_two_datasets_never_share_a_name(one, other):
    assert (dataset_name(*one) == dataset_name(*other)) == (one == other)


def test_every_small_identity_has_a_name_of_its_own():
    parts = ["a", "_", "a_", "_a", "a__a", "subset_a", "split_a", "rev_a", "a__split_a", "a/a", ""]
    identities = [
        (hf_id, subset, split, revision)
        for hf_id in [*parts, *(f"{one}/{other}" for one in parts for other in parts)]
        for subset in [None, *parts]
        for split in parts[:6]
        for revision in parts[:6]
    ]
    some = set(identities[::10])
    assert len({dataset_name(*identity) for identity in some}) == len(some)


@pytest.mark.parametrize(
    ("filename", "stem"),
    [
        ("common_voice_ms_1.mp3", "common_voice_ms_1"),
        ("clips/en/a.WAV", "a"),
        ("C:\\clips\\a.flac", "a"),
        ("v1.2", "v1.2"),
        ("talk.v1.2.opus", "talk.v1.2"),
        ("a.wav.mp3", "a"),
        ("archive.tar", "archive.tar"),
        ("my  first\tclip.wav", "my_first_clip"),
        ("who?.wav", "who_"),
        ("e\u0301.wav", "é"),
        ("../../etc/passwd", "passwd"),
        (".bashrc", "bashrc"),
        ("-rf.wav", "rf"),
        ("a\u202egpj.wav", "a_gpj"),
        ("a\x00b.wav", "a_b"),
        ("a\ud800b.wav", "a_b"),
        ("con.wav", "_con"),
        ("LPT1.v2.wav", "_LPT1.v2"),
        ("console.wav", "console"),
        ("語.wav", "語"),
        ("🎵.wav", "🎵"),
    ],
)
def test_a_clip_keeps_what_is_safe_of_its_name(filename, stem):
    assert safe_stem(filename) == stem


@pytest.mark.parametrize(
    "filename", ["", " ", ".", "..", "/", "clips/", "...", ".wav", "???", "-", "_.mp3", "\x00", "\u202e"]
)  # fmt: skip
def test_a_clip_without_a_usable_name_has_none(filename):
    assert safe_stem(filename) is None


def test_a_long_stem_is_cut_between_two_characters():
    stem = safe_stem("語" * 500 + ".wav")
    assert stem == "語" * 60


@pytest.mark.parametrize("filename", [".wav" * 500_000, "/" * 2_000_000, "\u0301" * 500_000])
def test_a_huge_file_name_costs_next_to_nothing(filename):
    safe_stem(filename)


@given(filename=FILENAMES)
def test_every_stem_is_safe_as_a_file_name(filename):
    stem = safe_stem(filename)
    if stem is None:
        return
    assert 0 < len(stem.encode()) <= 180
    assert not re.search(r'[\x00-\x1f\x7f<>:"|?*/\\]', stem)
    assert not any(unicodedata.category(character) in {"Cc", "Cf", "Cs"} for character in stem)
    assert stem[0] not in ".-"
    assert stem[-1] not in ". "
    assert unicodedata.is_normalized("NFC", stem)
    assert stem.split(".")[0].lower() not in {"con", "prn", "aux", "nul", "com1", "lpt1"}


@given(filename=FILENAMES)
def test_a_safe_stem_stays_as_it_is(filename):
    stem = safe_stem(filename)
    assert stem is None or safe_stem(stem) == stem


@pytest.mark.parametrize(
    ("one", "other"), [("A", "a"), ("Straße", "STRASSE"), ("é", "e\u0301"), ("İ", "i\u0307")]
)
def test_stems_that_some_disks_take_for_one_have_one_key(one, other):
    assert stem_key(one) == stem_key(other)


@given(stem=ANY_TEXT)
@example(stem="\u1fb3\u0301")
@example(stem="\u0345\u0301")
def test_a_stem_key_is_its_own_key(stem):
    assert stem_key(stem_key(stem)) == stem_key(stem)


def test_a_group_is_named_for_its_dataset():
    assert group_name("org__data__rev_main") == "org__data__rev_main"
    assert re.fullmatch("a_b_v1_[0-9a-f]{8}", group_name("a-b.v1"))
    assert group_name("a-b") != group_name("a.b")


def test_the_group_of_a_dataset_leaves_defaults_out():
    assert short_name("acme/speech", None, "train", "main") == "acme__speech"
    whole = short_name("acme/speech", "ms", "test", "v1")
    assert whole == "acme__speech__subset_ms__split_test__rev_v1"
    assert dataset_groups({"one": "acme__a-b.v1"}) == {"one": "acme__a_b_v1"}


def test_groups_get_a_hash_only_where_they_would_be_alike():
    groups = dataset_groups({"one": "acme__a-b", "other": "acme__a.b", "third": "acme__c-d"})
    assert groups["third"] == "acme__c_d"
    assert re.fullmatch("acme__a_b_[0-9a-f]{8}", groups["one"])
    assert groups["one"] != groups["other"]
    # A dataset that is called like another one with its hash.
    names = {"one": "acme__a-b", "other": "acme__a.b", "bad": groups["one"]}
    assert len(set(dataset_groups(names).values())) == 3


@given(names=st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=6))
def test_every_group_of_a_dataset_is_one_that_dagster_takes_and_its_own(names):
    groups = dataset_groups(names)
    assert groups.keys() == names.keys()
    assert len(set(groups.values())) == len(names)
    assert all(re.fullmatch("[A-Za-z0-9_]*", group) for group in groups.values())


@given(name=ANY_TEXT)
def test_every_group_name_is_one_that_dagster_takes(name):
    assert re.fullmatch("[A-Za-z0-9_]*", group_name(name))


@given(name=ANY_TEXT, stage=ANY_TEXT)
def test_every_op_name_is_one_that_dagster_takes(name, stage):
    assert re.fullmatch("[A-Za-z0-9_]{1,240}", op_name(name, stage))


def test_datasets_that_look_alike_to_dagster_have_ops_of_their_own():
    names = ["a-b.v1", "a_b_v1", "a.b-v1", "A-b.v1", "x" * 200, "x" * 199]
    assert len({op_name(name, stage) for name in names for stage in ("plan", "rows")}) == 12


def test_a_partition_tells_its_commit_and_its_place():
    assert partition_key("1a2b3c4d" * 5, 0, 12) == "1a2b3c4-00000-of-00012"
    assert shard_name(11, 12) == "00011-of-00012"


@pytest.mark.parametrize(("index", "count"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_name_for_a_shard_that_is_not_there(index, count):
    with pytest.raises(ValueError, match="no shard"):
        shard_name(index, count)
