"""Whatever is written or fetched: an answer, or an error of ours."""

import contextlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st

from hugflow.hierarchy import ConfigError, load_project
from hugflow.hierarchy.access import Access
from hugflow.hierarchy.archives import open_archive
from hugflow.hierarchy.hosts import check_host
from hugflow.hierarchy.location import Declarer, is_branch_archive, parse_location, with_ref
from hugflow.hierarchy.lockfile import parse_lock, render_lock
from tests.hierarchy.worlds import GRANDPARENT, tar_folder, write_repository, zip_folder

PIECES = ["git+", "https://", "http://", "ssh://", "file://", "github:", "hf://datasets/", "@", "/",
          "..", ":", "[", "]", "org", "repo", ".zip", ".git", "~", "#", "?", "%", "\\", "main", "-",
          "refs/heads/", "127.0.0.1", "::1", ":99999", " ", "\n", "\0", "é", "\ud800"]  # fmt: skip


@given(text=st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
@example("https://[x/y.zip")
@example("git+https://[::1/x.git@main")
@example("~nobody-has-this-name/x")
@example("git+ssh://host:port/x")
@example("hf://datasets/a/b@%")
def test_a_location_is_understood_or_refused(text: str):
    access = Access(Path("cache"))
    for declarer in (Declarer(Path("/base")), Declarer(Path("/base"), is_remote=True)):
        with contextlib.suppress(ConfigError):
            location = parse_location(text, declarer, access)
            assert location.is_remote or not declarer.is_remote
            is_branch_archive(location.url)
            with_ref(text, "main")


@given(
    host=st.sampled_from(
        ["127.0.0.1", "[::1]", "2130706433", "0x7f.1", "127.1", "localhost", "[", ""]
    ),
    port=st.sampled_from(["", ":80", ":0", ":99999", ":x"]),
)
def test_no_spelling_of_this_machine_is_let_through(host: str, port: str):
    for scheme in ("http", "https", "ssh", "gopher"):
        try:
            check_host(f"{scheme}://{host}{port}/x", Access(Path("cache")))
        except ConfigError:
            continue
        raise AssertionError(f"{scheme}://{host}{port}")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("json"),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["parents", "sources", "format", "files_list", "files_dict", "location",
                         "steps", "id", "type", "p", "follows", "parent_sources", "inputpath"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    values=st.dictionaries(
        st.sampled_from(["parents", "sources", "steps", "meta", "sheet_names", "inputpath", "x"]),
        JSON,
    ),
    name=st.sampled_from(["hugflow.json", "config.json"]),
)
def test_a_configuration_is_read_or_refused(values: object, name: str):
    with TemporaryDirectory() as folder, contextlib.suppress(ConfigError):
        (Path(folder) / name).write_text(json.dumps(values))
        load_project(folder)


@settings(max_examples=150, deadline=None)
@given(
    is_zip=st.booleans(),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=6),
    cut=st.floats(0, 1),
)
def test_a_damaged_archive_is_read_or_refused(
    is_zip: bool, changes: list[tuple[float, int]], cut: float
):
    with TemporaryDirectory() as folder:
        repository = write_repository(Path(folder) / "r", GRANDPARENT)
        whole = (
            zip_folder(repository, Path(folder) / "r.zip")
            if is_zip
            else tar_folder(repository, Path(folder) / "r.tar.gz", top="r")
        )
        data = bytearray(whole.read_bytes())
        for place, value in changes:
            data[int(place * len(data))] = value
        whole.write_bytes(data[: max(1, int(cut * len(data)))])
        with contextlib.suppress(ConfigError), open_archive(whole) as contents:
            for path, read in contents.read(list(contents.sizes)):
                assert len(read) == contents.sizes[path]


@given(data=st.binary(max_size=200) | JSON.map(json.dumps).map(str.encode))
@example(b'{"version": 1, "root": "root", "nodes": {"root": {"parents": {}}}}')
@example(b'{"version": 1, "nodes": {"root": {"parents": {"a": "b"}}}}')
@example(b'{"version": 1, "nodes": {"root": {"parents": []}}}')
@example(b'{"version": 1, "nodes": {"root": {"parents": {}}, "a": {}}}')
def test_a_lock_is_read_or_refused(data: bytes):
    with contextlib.suppress(ConfigError):
        lock = parse_lock(data, ())
        assert parse_lock(render_lock(lock).encode(), ()) == lock
