"""Pulling: a repository's own data, all of it or nothing, and the same bytes each time."""

import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hugflow.errors import DiskFull, NotAuthorised, SettingInvalid, UsageWrong
from hugflow.hierarchy.compose import compose
from hugflow.hierarchy.errors import CollisionError, ConfigError, PullError, UnsafeLocationError
from hugflow.hierarchy.load import load_project
from hugflow.hierarchy.pulling.archive import archive_sources
from hugflow.hierarchy.pulling.pull import PullReport, check_pull, find_stale, pull
from hugflow.hierarchy.readers.google_sheets import GoogleSheets
from hugflow.store.atomic import StagedFile, write_temporary
from tests.hierarchy.google import Google, serve_google
from tests.hierarchy.readers.books import write_ods, write_xlsx
from tests.hierarchy.worlds import Server
from tests.projects import Project


@pytest.fixture(scope="module")
def google() -> Iterator[Google]:
    with serve_google() as google:
        yield google


def write_config(root: Path, **keys: object) -> None:
    (root / "hugflow.json").write_text(json.dumps(keys))


def snapshot(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def source(subformat: str, *files: str, **keys: object) -> dict[str, object]:
    return {"format": "sheets", "subformat": subformat, "files_list": list(files), **keys}


BOOK = {"people": [["name", "age"], ["Ada", 36]]}
ROWS = {"people": [{"name": "Ada", "age": "36"}]}


def test_every_format_is_stored_by_its_own_rules(tmp_path: Path):
    (tmp_path / "data/csv").mkdir(parents=True)
    (tmp_path / "data/a.xlsx").write_bytes(write_xlsx(BOOK))
    (tmp_path / "data/a.ods").write_bytes(write_ods(BOOK))
    (tmp_path / "data/csv/people.csv").write_text("name,age\nAda,36\n")
    (tmp_path / "times.json").write_text('{"b": 1.10}')
    (tmp_path / "times.yaml").write_text("z: 1\na: 007x\n")
    (tmp_path / "r.yaml").write_text('hf_id: "a/b"\n')
    write_config(
        tmp_path,
        sources={
            "x": source("xlsx", "data/a.xlsx"),
            "o": source("ods", "a.ods", basepath="data"),
            "c": source("csv", "data/csv"),
            "j": {
                "format": "json",
                "files_list": ["./times.json"],
                "files_dict": {"k": "times.yaml"},
            },
            "r": {"format": "requests", "files_dict": {"mine": "r.yaml"}},
        },
    )
    report = pull(tmp_path)
    files = snapshot(tmp_path / "input")
    assert set(files) == {*report.written, "meta.json"}
    for name in ("x/data__a.xlsx.json", "o/a.ods.json", "c/data__csv.json"):
        assert json.loads(files[name])["sheets"] == ROWS
    assert files["j/times.json.json"] == b'{"b": 1.10}\n'
    assert json.loads(files["j/k.json"]) == {"z": 1, "a": "007x"}
    assert files["r/mine.yaml"] == b'hf_id: "a/b"\n'


def test_a_second_pull_changes_no_byte_and_a_change_writes_one_file(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text("{}")
    write_config(tmp_path, sources={"s": {"format": "json", "files_list": ["a.json", "b.json"]}})
    pull(tmp_path)
    before = snapshot(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    report = pull(tmp_path)
    assert report == PullReport(unchanged=("s/a.json.json", "s/b.json.json"))
    assert snapshot(tmp_path) == before
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == times
    (tmp_path / "b.json").write_text("[1]")
    assert check_pull(tmp_path).written == ("s/b.json.json",)
    assert snapshot(tmp_path / "input") == {
        name.removeprefix("input/"): data for name, data in before.items() if "input/" in name
    }
    assert pull(tmp_path).written == ("s/b.json.json",)


def test_every_failure_is_named_and_nothing_is_written(tmp_path: Path):
    (tmp_path / "good.json").write_text("{}")
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "book.xlsx").write_bytes(write_xlsx({"s": [["a", "a"]]}))
    files = ["good.json", "bad.json", "gone.json"]
    write_config(
        tmp_path,
        sources={"j": {"format": "json", "files_list": files}, "x": source("xlsx", "book.xlsx")},
    )
    before = snapshot(tmp_path)
    with pytest.raises(PullError) as caught:
        pull(tmp_path)
    assert len(caught.value.failures) == 3
    assert "bad.json:1" in caught.value.why
    assert "gone.json" in caught.value.why
    assert "cell B1" in caught.value.why
    assert snapshot(tmp_path) == before


def test_a_disk_that_fills_up_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text("1")
    write_config(tmp_path, sources={"s": {"format": "json", "files_list": ["a.json", "b.json"]}})
    pull(tmp_path)
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text("2")
    before = snapshot(tmp_path)

    def fill(path: Path, data: bytes) -> StagedFile:
        if path.name == "b.json.json":
            raise DiskFull("full", why="full", mend="delete something")
        return write_temporary(path, data)

    monkeypatch.setattr("hugflow.hierarchy.pulling.pull.write_temporary", fill)
    with pytest.raises(DiskFull):
        pull(tmp_path)
    assert snapshot(tmp_path) == before


def test_a_link_out_of_the_repository_is_not_followed(tmp_path: Path):
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    (root / "input").mkdir(parents=True)
    elsewhere.mkdir()
    (root / "a.json").write_text("1")
    (root / "input/s").symlink_to(elsewhere)
    write_config(root, sources={"s": {"format": "json", "files_list": ["a.json"]}})
    with pytest.raises(UnsafeLocationError, match="link out of the repository"):
        pull(root)
    assert list(elsewhere.iterdir()) == []


def test_references_that_are_gone_are_removed_but_only_what_pull_wrote_itself(tmp_path: Path):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.json").write_text(f'"{name}"')
    files = ["a.json", "b.json", "c.json"]
    write_config(tmp_path, sources={"s": {"format": "json", "files_list": files}})
    pull(tmp_path)
    folder = tmp_path / "input" / "s"
    (folder / "mine.json").write_text("1")
    (folder / "c.json.json").write_text('"edited"')
    write_config(tmp_path, sources={"s": {"format": "json", "files_list": ["a.json"]}})
    report = pull(tmp_path)
    assert report.removed == ("s/b.json.json",)
    assert report.kept == ("s/c.json.json",)
    assert sorted(path.name for path in folder.iterdir()) == [
        "a.json.json", "c.json.json", "mine.json",
    ]  # fmt: skip
    write_config(tmp_path, sources={})
    pull(tmp_path)
    assert not (folder / "a.json.json").exists()
    assert (folder / "mine.json").exists()


@pytest.mark.parametrize("damaged", ["", "[", '{"pull_timestamp": 1}', '{"hash": "x"}', "[]"])
def test_a_damaged_record_or_that_of_another_program_removes_nothing(tmp_path: Path, damaged: str):
    (tmp_path / "a.json").write_text("1")
    write_config(tmp_path, sources={"s": {"format": "json", "files_list": ["a.json"]}})
    pull(tmp_path)
    (tmp_path / "input/meta.json").write_text(damaged)
    write_config(tmp_path, sources={})
    assert pull(tmp_path).removed == ()
    assert (tmp_path / "input/s/a.json.json").exists()


def test_pulling_one_source_leaves_the_others_as_they_are(tmp_path: Path):
    (tmp_path / "a.json").write_text("1")
    one = {"format": "json", "files_list": ["a.json"]}
    write_config(tmp_path, sources={"s": one, "t": one})
    pull(tmp_path)
    (tmp_path / "a.json").write_text("2")
    assert pull(tmp_path, ["s"]).written == ("s/a.json.json",)
    assert (tmp_path / "input/t/a.json.json").read_text() == "1\n"
    assert find_stale(load_project(tmp_path)) == []
    with pytest.raises(UsageWrong, match="no source 'u'"):
        pull(tmp_path, ["u"])


def test_two_references_with_one_name_are_an_error_and_the_dict_wins_over_the_list(tmp_path: Path):
    (tmp_path / "a.json").write_text("1")
    (tmp_path / "b.json").write_text("2")
    clash = {"format": "json", "files_list": ["a/b.json", "a__b.json"]}
    write_config(tmp_path, sources={"s": clash})
    with pytest.raises(CollisionError, match="both stored as a__b"):
        pull(tmp_path)
    both = {"format": "json", "files_list": ["a.json"], "files_dict": {"a.json": "b.json"}}
    write_config(tmp_path, sources={"s": both})
    pull(tmp_path)
    assert (tmp_path / "input/s/a.json.json").read_text() == "2\n"


def test_a_pattern_is_a_file_for_each_that_fits_under_the_key_of_its_star(tmp_path: Path):
    (tmp_path / "requests/add").mkdir(parents=True)
    for name in ("b", "a"):
        (tmp_path / f"requests/add/{name}.yaml").write_text(f"hf_id: x/{name}\n")
    (tmp_path / "requests/add/.hidden.yaml").write_text("")
    (tmp_path / "other.yaml").write_text("hf_id: x/other\n")
    files = {"*": "./requests/add/*.yaml", "b": "other.yaml"}
    write_config(tmp_path, sources={"s": {"format": "requests", "files_dict": files}})
    assert pull(tmp_path).written == ("s/a.yaml", "s/b.yaml")
    composed = compose(tmp_path)["s"]
    assert {key: [file.name for file in value] for key, value in composed.files_dict.items()} == {
        "b": ["b"],
        "a": ["a"],
    }
    assert composed.path("b").read_text() == "hf_id: x/other\n"
    (tmp_path / "requests/add/a.yaml").unlink()
    assert pull(tmp_path).removed == ("s/a.yaml",)
    for wrong in ("*/*.yaml", ["a*.yaml"]):
        files = {"*": wrong}
        write_config(tmp_path, sources={"s": {"format": "requests", "files_dict": files}})
        with pytest.raises(ConfigError, match="no pattern"):
            pull(tmp_path)


def test_what_was_pulled_and_is_not_current_is_known_without_the_network(tmp_path: Path):
    (tmp_path / "a.json").write_text("1")
    write_config(tmp_path, sources={"s": {"format": "json", "files_list": ["a.json"]}})
    assert find_stale(load_project(tmp_path)) == ["s was never pulled"]
    pull(tmp_path)
    assert find_stale(load_project(tmp_path)) == []
    stored = tmp_path / "input/s/a.json.json"
    stored.write_text("2")
    assert find_stale(load_project(tmp_path)) == ["s: a.json.json was changed by hand"]
    stored.unlink()
    assert find_stale(load_project(tmp_path)) == ["s: a.json.json is missing"]
    pull(tmp_path)
    write_config(tmp_path, sources={"s": {"format": "json", "files_list": ["b.json"]}})
    assert find_stale(load_project(tmp_path)) == [
        "s: its configuration has changed since it was pulled"
    ]


def test_files_are_read_inside_an_archive(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "books.zip", "w") as archive:
        archive.writestr("top/a/people.csv", "name,age\nAda,36\n")
        archive.writestr("top/b/people.csv", "name,age\nBob,7\n")
        archive.writestr("top/c.csv", "name,age\nEve,8\n")
    keys = {"files_archive": "books.zip", "basepath": "top"}
    write_config(tmp_path, sources={"s": source("csv", "a", "b", **keys)})
    pull(tmp_path)
    assert json.loads((tmp_path / "input/s/a.json").read_bytes())["sheets"] == ROWS
    write_config(tmp_path, sources={"s": source("csv", files_dict={"*": "*.csv"}, **keys)})
    assert pull(tmp_path).written == ("s/c.json",)
    write_config(tmp_path, sources={"s": source("csv", "c", **keys)})
    with pytest.raises(PullError) as caught:
        pull(tmp_path)
    assert "books.zip, top/c" in caught.value.why


def test_files_and_archives_are_read_from_addresses(tmp_path: Path, server: Server):
    with zipfile.ZipFile(tmp_path / "www/books.zip", "w") as archive:
        archive.writestr("people.csv", "name,age\nAda,36\n")
    (tmp_path / "www/times.json").write_text("{}")
    packed = source("csv", files_dict={"people": "people.csv"})
    packed["files_archive"] = f"{server.url}/books.zip"
    times = {"format": "json", "files_dict": {"times": f"{server.url}/times.json"}}
    write_config(tmp_path, sources={"s": packed, "t": times})
    assert pull(tmp_path).written == ("s/people.json", "t/times.json")
    times = {"format": "json", "files_dict": {"times": f"{server.url}/gone.json"}}
    write_config(tmp_path, sources={"t": times})
    with pytest.raises(PullError) as caught:
        pull(tmp_path)
    assert "404" in caught.value.why


def test_an_archive_of_stored_workbooks_has_the_same_bytes_each_time(tmp_path: Path):
    (tmp_path / "a.xlsx").write_bytes(write_xlsx(BOOK))
    write_config(tmp_path, sources={"s": source("xlsx", "a.xlsx")})
    pull(tmp_path)
    [path] = archive_sources(tmp_path, tmp_path / "out")
    first = path.read_bytes()
    archive_sources(tmp_path, tmp_path / "out")
    assert path.read_bytes() == first
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["a.xlsx/people.csv"]
        assert archive.read("a.xlsx/people.csv") == b"name,age\nAda,36\n"


def test_sheets_whose_names_become_one_file_name_are_both_in_the_archive(tmp_path: Path):
    sheets = {name: [{"name": name}] for name in ("a:b", "a|b", "A_b")}
    (tmp_path / "a.json").write_text(json.dumps({"sheets": sheets}))
    write_config(tmp_path, sources={"s": source("json", "a.json")})
    pull(tmp_path)
    [path] = archive_sources(tmp_path, tmp_path / "out")
    with zipfile.ZipFile(path) as archive:
        read = {name: archive.read(name).decode() for name in archive.namelist()}
    assert read == {
        "a.json/a_b.csv": "name\na:b\n",
        "a.json/a_b-2.csv": "name\na|b\n",
        "a.json/A_b-3.csv": "name\nA_b\n",
    }


@pytest.mark.parametrize("modified", ["yesterday", "2026-01-01T00:00:00", ""])
def test_a_moment_of_google_that_is_none_names_the_sheet_and_writes_nothing(
    tmp_path: Path, google: Google, modified: str, monkeypatch: pytest.MonkeyPatch
):
    google.private["id-2"] = write_xlsx(BOOK)
    monkeypatch.setattr(google, "modified", modified)
    write_config(tmp_path, sources={"s": source("google_sheets", "id-2")})
    with pytest.raises(PullError, match="could not be pulled") as caught:
        pull(tmp_path, google=GoogleSheets(google.url, google.credentials()))
    assert "cannot be read" in caught.value.why
    assert not (tmp_path / "input").exists()


def test_public_google_sheets_are_exported_by_the_name_they_are_given(
    tmp_path: Path, google: Google
):
    google.public["id-1"] = write_xlsx(BOOK)
    write_config(
        tmp_path,
        sheet_names={"people": "id-1"},
        sources={"s": source("google_sheets", "people")},
    )
    google.faults = 1
    pull(tmp_path, google=GoogleSheets(google.url))
    assert json.loads((tmp_path / "input/s/people.json").read_bytes())["sheets"] == ROWS
    assert google.asked[-1] == "/spreadsheets/d/id-1/export?format=xlsx"


def test_private_google_sheets_need_an_account_that_they_are_shared_with(
    tmp_path: Path, google: Google
):
    google.private["id-2"] = write_xlsx(BOOK)
    with pytest.raises(NotAuthorised, match="may not be read"):
        GoogleSheets(google.url).fetch_xlsx("id-2")
    own = GoogleSheets(google.url, google.credentials())
    assert own.fetch_xlsx("id-2") == google.private["id-2"]
    (tmp_path / "key.json").write_text(google.credentials())
    assert GoogleSheets(google.url, str(tmp_path / "key.json")).fetch_xlsx("id-2")
    assert "PRIVATE" not in repr(own)


def test_an_account_fetches_a_sheet_again_only_when_it_has_changed(tmp_path: Path, google: Google):
    google.private["id-3"] = write_xlsx(BOOK)
    write_config(tmp_path, sources={"s": source("google_sheets", "id-3")})
    own = GoogleSheets(google.url, google.credentials())

    def fetched(minutes: int) -> int:
        google.asked.clear()
        now = datetime(2026, 1, 1, 0, minutes, tzinfo=UTC)
        pull(tmp_path, google=own, now=now)
        return sum("/export" in path for path in google.asked)

    # Changed two minutes before: what Google says may be late.
    assert [fetched(2), fetched(3)] == [1, 1]
    (tmp_path / "input/meta.json").unlink()
    assert [fetched(10), fetched(20)] == [1, 0]
    before = snapshot(tmp_path)
    assert fetched(30) == 0
    assert snapshot(tmp_path) == before
    (tmp_path / "input/s/id-3.json").write_text("edited")
    assert fetched(40) == 1
    google.modified = "2026-01-01T00:45:00.000Z"
    assert fetched(59) == 1


def test_a_server_that_is_away_is_exit_code_7(tmp_path: Path):
    write_config(tmp_path, sources={"s": source("google_sheets", "id-1")})
    with pytest.raises(PullError) as caught:
        pull(tmp_path, google=GoogleSheets("http://127.0.0.1:1"))
    assert caught.value.exit_code == 7


def test_a_key_that_would_send_its_statement_elsewhere_is_refused(google: Google):
    key = google.credentials().replace(google.url, "http://127.0.0.2:1")
    with pytest.raises(SettingInvalid, match="CREDENTIALS") as caught:
        GoogleSheets(google.url, key).fetch_xlsx("id-2")
    assert "PRIVATE" not in str(caught.value)


@pytest.mark.slow
def test_pull_on_the_command_line(project: Project, google: Google):
    root = project.root
    google.public["id-1"] = write_xlsx(BOOK)
    write_config(root, sources={"s": source("google_sheets", "id-1"), "j": {"format": "json"}})
    where = {"GOOGLE_SHEETS_URL": google.url}
    check = project.run("pull", "--check", **where)
    assert (check.returncode, check.stdout) == (3, "would write s/id-1.json\n")
    done = project.run("pull_data", "--archive", "out", **where)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "wrote s/id-1.json\nwrote out/s.zip\n"
    assert project.run("pull", "--check", **where).returncode == 0
    google.public["id-1"] = write_xlsx({"people": [["name", None, "x"]]})
    failed = project.run("pull", "--json", **where)
    assert failed.returncode == 4
    assert "sheet 'people', cell B1: the column has no name" in failed.stderr
