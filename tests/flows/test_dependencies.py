"""What a module asks for is read from its files; nothing of it runs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.errors import FlowModuleRefused
from hugflow.flows.dependencies import parse_dependencies, read_dependencies
from hugflow.flows.names import parse_module_id

MODULE = parse_module_id("acme/Tools")
WORD = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,8}", fullmatch=True)
ENTRY = st.fixed_dictionaries(
    {"url": st.tuples(WORD, st.from_regex(r"[A-Z][a-z]{1,6}x", fullmatch=True)).map("/".join)},
    optional={"revision": WORD, "overwrite": st.booleans()},
)


def read(folder: Path, source: str | bytes) -> list[str]:
    """What a file in a folder of the module asks for."""
    path = folder / "sub" / "flow.py"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(source if isinstance(source, bytes) else source.encode())
    return [str(each) for each in read_dependencies(folder, MODULE)]


@given(entries=st.lists(ENTRY, max_size=5))
def test_a_list_in_a_file_reads_as_the_same_list_handed_in(
    tmp_path_factory: pytest.TempPathFactory, entries: list[dict[str, object]]
):
    handed_in = list(dict.fromkeys(map(str, parse_dependencies(entries))))
    folder = tmp_path_factory.mktemp("module")
    assert read(folder, f"import os\ndependencies = {entries!r}\n") == handed_in


@pytest.mark.parametrize(
    "source",
    [
        'dependencies: list = [{"url": "a/B"}]',
        'wanted = dependencies = [{"url": "a/B"}]',
        'dependencies = []\ndependencies += [{"url": "a/B"}]',
        'dependencies = (\n  {"url": "a/B"},\n)',
        'dependencies = [{"url": "a/B", "revision": None}]',
        'raise SystemExit\ndependencies = [{"url": "a/B"}]',
        '# coding: latin-1\ndependencies = [{"url": "a/B"}]  # \xe4'.encode("latin-1"),
    ],
)
def test_a_literal_at_the_top_of_a_file_is_read(tmp_path: Path, source: str | bytes):
    assert read(tmp_path, source) == ["a/B:main"]


@pytest.mark.parametrize(
    "source",
    [
        'def f():\n    dependencies = [{"url": "a/B"}]',
        'class C:\n    dependencies = [{"url": "a/B"}]',
        '"""dependencies = [{"url": "a/B"}]"""',
        "dependencies: list",
        'dependencies = ["numpy", "torch"]',
        'dependencies = ["numpy"]\ndependencies += ["torch"]',
        "dependencies = {}",
        "other.dependencies = f()",
        "dependencies = []",
    ],
)
def test_what_is_no_list_of_modules_asks_for_nothing(tmp_path: Path, source: str):
    assert read(tmp_path, source) == []


@pytest.mark.parametrize(
    "source",
    [
        "dependencies = make()",
        "wanted = dependencies = make()",
        "dependencies = []\ndependencies += make()",
        'dependencies = [{"url": user + "/B"}]',
        'dependencies = [{"url": f"{user}/B"}]',
        'dependencies = [{"url": "a/B"} for _ in range(3)]',
        'dependencies = [{"url": "../B/c"}]',
        'dependencies = [{"url": "a/B", "revison": "x"}]',
        'dependencies = [{"url": "a/B", "revision": "a b"}]',
        'dependencies = [{"url": "a/B", "overwrite": 1}]',
        'dependencies = [{"url": "a/B"}, "c/D"]',
        "dependencies = [" + '{"url": "a/B"},' * 300 + "]",
        "dependencies = (",
        "dependencies = \0",
        "dependencies = " + "(" * 100_000,
        "dependencies = " + "-" * 100_000 + "1",
        "dependencies = 1" + "+1" * 100_000,
        "dependencies = a" + ".b" * 100_000,
    ],
)
def test_what_cannot_be_read_is_refused_with_the_name_of_the_file(tmp_path: Path, source: str):
    with pytest.raises(FlowModuleRefused, match=r"acme/Tools: sub/flow\.py"):
        read(tmp_path, source)


def test_files_that_python_imports_nothing_from_are_not_read(tmp_path: Path):
    for folder in (".venv", "__pycache__"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "flow.py").write_text("dependencies = broken(")
    (tmp_path / "flow.txt").write_text("dependencies = broken(")
    (tmp_path / "huge.py").write_text("dependencies = broken(" + " " * 2_000_000)
    assert read(tmp_path, 'dependencies = [{"url": "a/B"}]') == ["a/B:main"]


def test_a_link_to_a_folder_elsewhere_is_not_followed(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "flow.py").write_text("dependencies = broken(")
    module = tmp_path / "module"
    module.mkdir()
    (module / "link").symlink_to(tmp_path / "elsewhere")
    assert read(module, "") == []


@pytest.mark.parametrize(
    "entries", [None, "a/B", {"url": "a/B"}, [None], ["a/B"], [{}], [{"url": None}]]
)
def test_a_list_that_is_handed_in_and_is_none_is_a_value_error(entries: object):
    with pytest.raises(ValueError, match=r"depend|url"):
        parse_dependencies(entries)


def test_a_key_that_is_misspelt_is_named_with_the_right_one():
    with pytest.raises(ValueError, match="revison") as error:
        parse_dependencies([{"url": "a/B", "revison": "x"}])
    assert "revision" in str(error.value)
