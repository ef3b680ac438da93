"""The project file: what it may hold, and that whatever it holds is answered with a line."""

import importlib
import json
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hugflow.project_file import (
    KEYS,
    LEGACY_NAME,
    LOCAL_NAME,
    NAMES,
    ProjectFile,
    parse_project_file,
    read_local_file,
    read_project_file,
)

LONG = 65_000


def told(file: ProjectFile) -> str:
    return "\n".join(map(str, file.problems))


@pytest.mark.parametrize(("key", "owner"), KEYS.items())
def test_every_key_is_known_and_the_module_that_reads_it_declares_it(key: str, owner: str):
    file = parse_project_file(f"{key}:\n".encode())
    assert not file.problems
    assert not file.warnings
    module = importlib.import_module(owner)
    assert key in (module.KEYS if hasattr(module, "KEYS") else (module.KEY,))


def test_a_value_is_given_with_the_lines_of_what_is_in_it():
    for data, name in (
        (b"meta: {}\nsources:\n  a:\n    files_list:\n    - x\n    - y\n", "hugflow.yaml"),
        (b'{"meta": {},\n"sources": {\n"a": {\n"files_list": [\n"x",\n"y"]}}}', "hugflow.json"),
    ):
        node = parse_project_file(data, name).nodes["sources"]
        assert node.plain == {"a": {"files_list": ["x", "y"]}}
        assert node.line == 2
        assert node.line_of(["a"]) == 3
        assert node.line_of(["a", "files_list", 1]) == 6
        assert node.line_of(["a", "missing", "deeper"]) == 3


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        ("polcy", "did you mean policy?"),
        ("setings", "did you mean settings?"),
        ("parent", "did you mean parents?"),
        ("WORKERS", "below `settings:`"),
        ("serve", "below `flows:`"),
        ("overrides", "move it to hugflow.local.yaml"),
        ("zzz", "the keys are parents, sources"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_key_is_refused_with_its_line_and_the_nearest_name(
    key: str, advice: str, name: str
):
    text = (
        f'{{"meta": {{}},\n"{key}": {{}}}}' if name.endswith("json") else f"meta: {{}}\n{key}: {{}}"
    )
    [problem] = parse_project_file(text.encode(), name).problems
    assert problem.what == f"{name}:2: {key} is an unknown key"
    assert advice in problem.mend


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("meta: {}\nmeta: {}", ":2: the key meta is written twice"),
        ("meta:\n  a:\n    b: 1\n    b: 2", ":4: the key b is written twice"),
        ("meta: [{a: 1,\n a: 2}]", ":2: the key a is written twice"),
        ("meta: &a {}", ":1: an anchor (&) is set"),
        ("meta: [1,\n*a]", ":2: an alias (*) is used"),
        ("meta: !!str a", ":1: a tag (!) is used"),
        ("meta: !x a", ":1: a tag (!) is used"),
        ("!!map {meta: a}", ":1: a tag (!) is used"),
        ("%TAG ! tag:x,1:\n---\nmeta: a", "tags are declared"),
        ("meta: {<<: {a: 1}}", ":1: another mapping is merged"),
        ("meta: {[a]: 1}", ":1: a key is not one word"),
        ("- meta", ":1: the file is not a mapping"),
        ("meta", ":1: the file is not a mapping"),
        ("meta: a\n---\nmeta: a", ":2: a second document begins"),
        ("meta: 'a\n\nsteps: []", ":1: the text is not YAML from here on"),
        ("steps: []\nmeta: [a\n\n", ":2: the text is not YAML from here on"),
        ("meta: {}\n<<<<<<< ours\n", ":2: the file holds the marks of a merge conflict"),
        ("meta: " + "[" * 8 + "]" * 8, ":1: the text is nested deeper than 8 levels"),
        ("meta: " + "[" * LONG, ":1: the text is nested deeper than 8 levels"),
        ("meta: " + "{a: " * 9, ":1: the text is nested deeper than 8 levels"),
        ("meta: " + "9" * 5_000, ":1: a number has more than 100 digits"),
        ("meta: 1" + ":1" * 20_000, ":1: a number has more than 100 digits"),
        ('meta: "a\\0b"', ":1: a text holds a character"),
        ("meta: a\n# \u202e\n", ":2: the file holds U+202E"),
        ("# comment\u2028polcy: {}\n", ":1: the file holds U+2028"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_its_line(text: str, what: str):
    file = parse_project_file(text.encode())
    assert what in told(file)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"meta": {},\n"meta": {}}', ":2: the key meta is written twice"),
        ('{"meta": {"a": 1,\n"a": 2}}', ":2: the key a is written twice"),
        ('{"meta": {},}', "a key in double quotes is missing"),
        ("{'meta': 1}", "a key in double quotes is missing"),
        ("{meta: 1}", "a key in double quotes is missing"),
        ('{"meta" 1}', "a colon is missing"),
        ('{"meta": [1 2]}', "a comma or ] is missing"),
        ('{"meta": 1\n// comment\n}', ":2: the text is not JSON: a comma or } is missing"),
        ('{"meta": NaN}', "a value is missing, or is not one that JSON knows"),
        ('{"meta": 01}', "a comma or } is missing"),
        ('{"meta": "a', "a text is not closed"),
        ('{"meta": "a\nb"}', "a text is not closed"),
        ('{"meta": "\\ud800"}', "half a pair"),
        ('{"meta": 1} {}', "text follows the end"),
        ('{"meta": ' + "9" * 5_000 + "}", "more than 100 digits"),
        ('{"meta": ' + "[" * LONG, "nested deeper than 8 levels"),
        ('{"a": ' * 9_000, "nested deeper than 8 levels"),
        ("[]", "the file is not a mapping"),
    ],
)
def test_what_is_no_plain_json_is_refused_with_its_line(text: str, what: str):
    assert what in told(parse_project_file(text.encode(), "hugflow.json"))


def test_what_has_eight_levels_is_taken():
    text = "meta: " + "[" * 7 + "]" * 7
    assert not parse_project_file(text.encode()).problems
    assert not parse_project_file(f'{{"meta": {"[" * 7}{"]" * 7}}}'.encode(), NAMES[2]).problems


def test_json_says_what_the_same_file_says_in_yaml():
    text = '{"meta": {"a": [1, -2.5, 1.0e3, true, false, null, "x\\u00e9\\n"], "b": {}}}'
    json_file = parse_project_file(text.encode(), "hugflow.json")
    assert json_file.nodes["meta"].plain == json.loads(text)["meta"]
    as_yaml = text.replace("1.0e3", "1.0e+3").encode()
    assert parse_project_file(as_yaml).nodes["meta"].plain == json_file.nodes["meta"].plain


def test_a_date_is_text_and_a_key_is_what_is_written():
    node = parse_project_file(b"meta: {version: 2024-01-01, no: yes}").nodes["meta"]
    assert node.plain == {"version": "2024-01-01", "no": True}


def test_no_problem_repeats_a_token():
    secret = "hf_" + "a" * 34
    for text in (f"{secret}: 1", f"meta: {{{secret}: 1, {secret}: 2}}", f"meta: *{secret}",
                 f"meta: !{secret}!x y", f"meta: '{secret}"):  # fmt: skip
        file = parse_project_file(text.encode())
        assert file.problems
        assert secret not in told(file)


@given(
    data=st.one_of(
        st.binary(max_size=300),
        st.text(alphabet="{}[]:,\"'&*!<>-|#?% \n\t\\aé0.~\u2028\r", max_size=120).map(str.encode),
        st.lists(
            st.sampled_from(
                [
                    *KEYS,
                    "polcy",
                    ": ",
                    "{",
                    "}",
                    "[",
                    "]",
                    ",",
                    "\n",
                    "  ",
                    '"',
                    "'",
                    "- ",
                    "&a ",
                    "*a",
                    "!!x ",
                    "<<",
                    "? ",
                    "| ",
                    "---\n",
                    "#",
                    "\\",
                    "1",
                    "0b_",
                    "1e999",
                    "~",
                    "=",
                    "true",
                    "\\u",
                    "\\ud800",
                    "\x85",
                    "\r",
                ]
            ),
            max_size=40,
        ).map(lambda words: "".join(words).encode()),
    ),
    name=st.sampled_from([*NAMES, LEGACY_NAME, LOCAL_NAME]),
)
@example(data=b"\xff", name=NAMES[0])
@example(data=b'meta: "\\U00110000"', name=NAMES[0])
@example(data=b"meta: 0b_", name=NAMES[0])
@settings(max_examples=400, deadline=2_000)
def test_whatever_the_bytes_are_there_is_a_value_or_an_error_with_a_line(data: bytes, name: str):
    file = parse_project_file(data, name)
    for problem in file.problems:
        assert problem.what.startswith(f"{name}:{problem.line}: ")
        assert 1 <= (problem.line or 0) <= data.count(b"\n") + data.count(b"\r") + 2
        assert problem.why
        assert problem.mend
    for node in file.nodes.values():
        json.dumps(node.plain).encode()


@pytest.mark.parametrize("unit", ["a: {", "[", "- ", "? ", "&a ", "{a: ", "'", "\n", "x: y\n", "!", ",",
                                  "  - a\n", "a:\n", "|", "[{", "# ", '{"a":', '"a",', "[1,", ": "])  # fmt: skip
@pytest.mark.parametrize("name", [NAMES[0], NAMES[2]])
def test_a_file_made_to_be_slow_is_answered_soon(unit: str, name: str):
    began = time.process_time()
    for before in ("", "meta: ", '{"meta": ['):
        parse_project_file((before + unit * (LONG // len(unit))).encode(), name)
    assert time.process_time() - began < 10


def test_a_file_that_is_too_large_or_no_text_is_refused():
    assert "larger than 64 KiB" in told(parse_project_file(b"#" * (64 * 1024 + 1)))
    assert "hugflow.yaml:2: the file is not UTF-8" in told(parse_project_file(b"a\n\xff"))


def test_two_project_files_in_one_folder_are_an_error(tmp_path: Path):
    (tmp_path / "hugflow.yaml").touch()
    (tmp_path / "hugflow.json").touch()
    [problem] = read_project_file(tmp_path).problems
    assert problem.what == "hugflow.yaml is not the only project file"
    assert "hugflow.json is there too" in problem.why


def test_what_cannot_be_read_is_not_an_empty_file(tmp_path: Path):
    (tmp_path / "hugflow.yaml").symlink_to(tmp_path / "gone")
    assert "hugflow.yaml cannot be used" in told(read_project_file(tmp_path))
    (tmp_path / LOCAL_NAME).mkdir()
    assert "hugflow.local.yaml cannot be used" in told(read_local_file(tmp_path))


def test_a_legacy_file_counts_only_where_there_is_no_other(tmp_path: Path):
    assert read_project_file(tmp_path) == ProjectFile()
    (tmp_path / "config.json").write_text('{"sources": {"a": 1}, "foreign": 1, "foreign": 2}')
    file = read_project_file(tmp_path)
    assert (file.name, list(file.nodes), file.problems) == ("config.json", ["sources"], ())
    (tmp_path / "hugflow.yml").write_text("meta: {}\n")
    assert read_project_file(tmp_path).name == "hugflow.yml"


def test_a_damaged_legacy_file_is_a_warning():
    file = parse_project_file(b'{\n"sources": [', LEGACY_NAME)
    assert not file.problems
    assert file.warnings[0].startswith("config.json:2: the text is not JSON")
