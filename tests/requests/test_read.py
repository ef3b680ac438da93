"""One file to one request: what it is, what it says, and how it is told when it is wrong."""

import os
from pathlib import Path, PurePosixPath

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hugflow.requests.fields import parse_fields
from hugflow.requests.model import AddRequest, Identity, RemoveRequest
from hugflow.requests.problems import RequestFileInvalid
from hugflow.requests.read import parse_request, read_request, request_kind

ADD = "requests/add/x.yaml"
REMOVE = "requests/remove/x.yaml"
SMALL_ADD = b"hf_id: org/data\ndescription: Speech\n"
SMALL_REMOVAL = b"hf_id: org/data\nreason: Replaced\n"


def problems_of(text, path=ADD):
    with pytest.raises(RequestFileInvalid) as caught:
        parse_request(text.encode(), path)
    return caught.value.problems


def test_a_request_is_read_with_every_field():
    request = parse_request(
        b"""\
# Malay, for the spring model
hf_id: "mozilla-foundation/common_voice_11_0"
description: "Malay ASR training data"
revision: "refs/convert/parquet"
subset: "ms"
split: "train"
audio_column: "audio"
text_column: "sentence"
max_bad_rows: "2%"
mp3_source: "reencode"
owner: "speech@example.org"
flows: []
""",
        ADD,
    )
    assert isinstance(request, AddRequest)
    assert request.identity == Identity(
        "mozilla-foundation/common_voice_11_0", "ms", "train", "refs/convert/parquet"
    )
    assert request.text_column == "sentence"
    assert (request.max_bad_rows, request.mp3_source) == ("2%", "reencode")
    assert request.owner == "speech@example.org"


def test_a_removal_is_read_with_every_field():
    request = parse_request(
        b"hf_id: a/b\nreason: Replaced\nrevision: v1\nsubset: ms\nsplit: test\nconfirm: true\n",
        REMOVE,
    )
    assert isinstance(request, RemoveRequest)
    assert request.said == {"revision": "v1", "subset": "ms", "split": "test"}
    assert request.confirm is True


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + SMALL_ADD,
        SMALL_ADD.replace(b"\n", b"\r\n"),
        SMALL_ADD.rstrip(),
        b"---\n" + SMALL_ADD + b"...\n",
        b"%YAML 1.2\n---\n" + SMALL_ADD,
        b'{"hf_id": "org/data", "description": "Speech"}',
        b"'hf_id': 'org/data'\n\"description\": >\n  Speech\n",
        SMALL_ADD + b"subset: null\nsplit: ~\nrevision:\nflows: null\nmax_bad_rows: null\n",
        SMALL_ADD + b"flows: []\n",
    ],
)
def test_the_same_request_may_be_written_in_many_ways(data):
    request = parse_request(data, ADD)
    assert request.model_dump() == parse_request(SMALL_ADD, ADD).model_dump()


@pytest.mark.parametrize(
    ("value", "read"), [("5", 5), ("0", 0), ("1%", "1%"), ('"1%"', "1%"), ("null", None)]
)
def test_bad_rows_are_a_count_or_a_percentage(value, read):
    request = parse_request(SMALL_ADD + f"max_bad_rows: {value}\n".encode(), ADD)
    assert request.max_bad_rows == read


@pytest.mark.parametrize("word", ["true", "True", "yes", "on"])
def test_a_removal_is_confirmed_with_a_word_for_yes(word):
    assert parse_request(SMALL_REMOVAL + f"confirm: {word}\n".encode(), REMOVE).confirm is True


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("requests/add/x.yaml", "add"),
        ("requests/remove/x.yaml", "remove"),
        ("requests/remove/2026/may/x.yaml", "remove"),
        ("requests/add/remove/x.yaml", "remove"),
        ("requests/remove/add/x.yaml", "add"),
        ("requests/x.yaml", "add"),
        ("requests/add/remove.yaml", "add"),
        ("requests/removed/x.yaml", "add"),
        ("x.yaml", "add"),
        ("remove/x.yaml", "remove"),
        ("/srv/remove/checkout/requests/x.yaml", "add"),
        ("/srv/remove/x.yaml", "remove"),
    ],
)
def test_what_a_file_is_follows_from_its_nearest_folder(path, kind):
    assert request_kind(PurePosixPath(path)) == kind


def test_every_problem_of_a_file_is_told_at_once_with_its_line():
    problems = problems_of("hf_di: a/b\ndescription: ''\nsplit: on\n\nspeling: 1\nrevision: a..b\n")
    assert [(problem.line, problem.field) for problem in problems] == [
        (1, "hf_di"),
        (2, "description"),
        (3, "split"),
        (5, "speling"),
        (6, "revision"),
    ]


def test_an_error_says_path_line_field_and_how_to_mend_it():
    with pytest.raises(RequestFileInvalid) as caught:
        parse_request(b"hf_id: a/b\ndescription: x\nsplit: on\n", ADD)
    assert str(caught.value) == (
        "requests/add/x.yaml:3: split: is true or false, where text is meant\n"
        "  why: split: One split; no slices, no sums.\n"
        '  fix: put it in quotes: split: "on"'
    )
    assert (
        caught.value.what == "requests/add/x.yaml:3: split: is true or false, where text is meant"
    )
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("written", "nearest"),
    [
        ("hfid", "hf_id"), ("HF_ID", "hf_id"), ("hf-id", "hf_id"), ("descripton", "description"),
        ("audio column", "audio_column"), ("Split", "split"), ("config", "subset"),
        ("branch", "revision"), ("max_bad_row", "max_bad_rows"),
    ],
)  # fmt: skip
def test_an_unknown_field_is_told_with_the_nearest_known_one(written, nearest):
    mends = [
        p.mend for p in problems_of(f"hf_id: a/b\ndescription: x\n{written}: y\n") if p.line == 3
    ]
    assert f'did you mean "{nearest}"?' in mends[0]


def test_a_field_of_the_other_kind_is_told_as_such():
    [missing, unknown] = problems_of("hf_id: a/b\ndescription: x\n", REMOVE)
    assert (missing.field, missing.what) == ("reason", "is missing")
    assert (unknown.field, unknown.why) == (
        "description",
        "the file is a removal, by its folder",
    )


@pytest.mark.parametrize(
    "value", ["1e3", "2024-01-01", "on", "no", "1", "0x1f", "1.5", "0o17", "1:30", ".nan", "="]
)
@pytest.mark.parametrize("field", ["subset", "revision", "split", "audio_column", "owner"])
def test_what_is_no_text_is_not_taken_for_text(field, value):
    [problem] = problems_of(f"hf_id: a/b\ndescription: x\n{field}: {value}\n")
    assert (problem.line, problem.field) == (3, field)
    assert problem.mend == f'put it in quotes: {field}: "{value}"'


def test_a_required_field_that_is_null_is_missing_where_it_stands():
    [problem] = problems_of("hf_id: a/b\n\ndescription: null\n")
    assert problem.headline == "requests/add/x.yaml:3: description: is missing"


def test_in_quotes_it_is_text():
    request = parse_request(SMALL_ADD + b'subset: "no"\nrevision: "1e3"\nsplit: "2024"\n', ADD)
    assert (request.subset, request.revision, request.split) == ("no", "1e3", "2024")


def test_a_strange_path_stays_on_its_line():
    with pytest.raises(RequestFileInvalid) as caught:
        parse_request(b"", "requests/add/a\n::error::\x1b[31m\u202e.yaml")
    assert str(caught.value).splitlines()[0].startswith("requests/add/a?::error::?[31m?.yaml:1: ")


def test_a_file_is_what_its_folder_says_however_it_is_named(tmp_path, monkeypatch):
    folder = tmp_path / "requests" / "remove"
    folder.mkdir(parents=True)
    (folder / "x.yaml").write_bytes(SMALL_REMOVAL)
    monkeypatch.chdir(folder)
    assert isinstance(read_request(Path("x.yaml")), RemoveRequest)
    (folder.parent / "y.yaml").write_bytes(SMALL_ADD)
    assert isinstance(read_request(Path("../y.yaml")), AddRequest)


@pytest.mark.parametrize(
    "kind", ["absent", "folder", "link", "dangling", "pipe", "device", "large"]
)
def test_only_a_regular_file_of_its_own_is_read(tmp_path, kind):
    path = tmp_path / "x.yaml"
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        (tmp_path / "real.yaml").write_bytes(SMALL_ADD)
        path.symlink_to("real.yaml")
    elif kind == "dangling":
        path.symlink_to("/proc/self/nothing")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "large":
        with path.open("wb") as file:
            file.truncate(2**40)
    with pytest.raises(RequestFileInvalid, match=path.name):
        read_request(path)


def test_a_name_that_no_file_can_have_is_no_crash():
    with pytest.raises(RequestFileInvalid, match="cannot be read"):
        read_request(Path("a\0b.yaml"))


FRAGMENTS = st.sampled_from(
    [
        *("hf_id", "description", "split", "a/b", "1", "on", "~", "=", "é", "@", "<<", "  "),
        *(": ", ":", "\n", "\r\n", "\t", "- ", "? ", "[", "]", "{", "}", ",", "#", "'", '"'),
        *("&a ", "*a", "!!str ", "!x ", "|\n", ">-\n", "---\n", "...\n", "%TAG ! x\n"),
        *("\\ud800", "\\U00110000", "\\x00", "\ufeff"),
    ]
)
TEXTS = st.one_of(st.lists(FRAGMENTS, max_size=30).map("".join), st.text(max_size=200))


@given(data=st.binary(max_size=200) | TEXTS.map(str.encode), path=st.sampled_from([ADD, REMOVE]))
def test_any_bytes_are_a_request_or_refused_with_reasons(data, path):
    try:
        request = parse_request(data, path)
    except RequestFileInvalid as error:
        refusal = error
    else:
        assert request.hf_id
        return
    assert 0 < len(refusal.problems) <= 20
    assert all(problem.what and problem.why and problem.mend for problem in refusal.problems)


@given(text=TEXTS.filter(lambda text: "\0" not in text))
def test_the_pure_parser_breaks_no_more_than_libyaml(text):
    parse_fields(text, ADD, loader=yaml.SafeLoader)


@given(
    revision=st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True),
    description=st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1).filter(
        lambda text: text.strip().isprintable() and text.strip()
    ),
)
def test_what_yaml_writes_we_read(revision, description):
    fields = {"hf_id": "org/data", "description": description, "revision": revision}
    request = parse_request(yaml.safe_dump(fields, allow_unicode=True).encode(), ADD)
    assert (request.revision, request.description) == (revision, description.strip())


def test_a_dataset_that_must_not_overlap_with_itself_is_refused():
    own = problems_of(SMALL_ADD.decode() + "no_overlap_with: [org__data__split_train__rev_main]\n")
    assert [(each.line, each.field, each.what) for each in own] == [
        (3, "no_overlap_with", "names the dataset itself")
    ]
    assert parse_request(SMALL_ADD + b"no_overlap_with: ['org/data#test']\n", ADD)


def test_several_audio_columns_are_a_list_with_the_main_one_first():
    text = SMALL_ADD + b"audio_columns: [audio, 'target audio']\n"
    request = parse_request(text, ADD)
    assert isinstance(request, AddRequest)
    assert request.audio_columns == ("audio", "target audio")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("audio_columns: audio", "is not a list of the names of columns"),
        ("audio_columns: [audio, 7]", "is not a list of the names of columns"),
        ("audio_columns: []", "has 0 names, where 1 to 16 are taken"),
        ("audio_columns: [audio, b, audio]", "names a column twice"),
        ("audio_columns: [audio, ' ']", "is blank"),
        ("audio_columns: [audio, b]\naudio_column: audio", "says what audio_column says too"),
    ],
)
def test_audio_columns_that_make_no_sense_are_told_in_words(line: str, reason: str):
    [problem] = problems_of(SMALL_ADD.decode() + line + "\n")
    assert (problem.line, problem.field) == (3, "audio_columns")
    assert reason in problem.what
    assert problem.mend
