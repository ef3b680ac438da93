"""The catalogue: what was last read of main, on disk."""

import pytest

from hugflow.errors import StateUnreadable
from hugflow.requests.catalog import ArrivalOnMain, Catalog, read_catalog, write_catalog
from hugflow.requests.problems import Problem
from hugflow.store.layout import Places

PROBLEM = Problem("requests/add/l.yaml", None, None, None, "is a link", "why", "mend")


def test_every_byte_and_every_name_survives(places: Places):
    files = {"requests/add/\udcff.yaml": b"hf_id: \xff\x00\r\n", "requests/add/b.yaml": b""}
    asked = {
        "requests/add/\udcff.yaml": ArrivalOnMain(
            "b" * 40, 4, "c" * 40, "Åda", "a@example.org", "Ask (#7)"
        ),
        "requests/add/b.yaml": ArrivalOnMain("a" * 40),
    }
    catalog = Catalog("a" * 40, files, (PROBLEM,), asked, b"policy: \xff\n")
    write_catalog(places, catalog)
    assert read_catalog(places) == catalog


def test_without_a_catalogue_nothing_is_known(places: Places):
    assert read_catalog(places) is None


def test_an_empty_main_is_known_to_be_empty(places: Places):
    write_catalog(places, Catalog("a" * 40, {}))
    assert read_catalog(places) == Catalog("a" * 40, {})


def test_commits_that_ask_for_the_same_have_one_digest():
    files = {"requests/add/a.yaml": b"x"}
    assert Catalog("a" * 40, files).digest == Catalog("b" * 40, files).digest
    assert Catalog("a" * 40, files).digest != Catalog("a" * 40, {}).digest
    assert Catalog("a" * 40, files).digest != Catalog("a" * 40, files, (PROBLEM,)).digest
    assert Catalog("a" * 40, files).digest != Catalog("a" * 40, files, config=b"x").digest
    asked = {"requests/add/a.yaml": ArrivalOnMain("c" * 40, 1, "d" * 40)}
    assert Catalog("a" * 40, files).digest == Catalog("b" * 40, files, (), asked).digest


@pytest.mark.parametrize(
    ("title", "number"),
    [
        ("Merge pull request #12 from ada/speech", 12),
        ("Ask for speech (#13)", 13),
        ("Ask for speech", None),
        ("Merge pull request #12345678901 from x", None),
        ("It mends (#13) at last", None),
        (None, None),
    ],
)
def test_the_pull_request_is_read_from_the_title_that_github_writes(
    title: str | None, number: int | None
):
    assert (
        ArrivalOnMain("a" * 40, 0, "b" * 40, "Ada", "ada@example.org", title).pull_request == number
    )


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"version": 2}', b'{"version": 1}', b"\xff"])
def test_a_damaged_catalogue_is_not_an_empty_one(places: Places, data: bytes):
    places.catalog.mkdir(parents=True)
    (places.catalog / "requests.json").write_bytes(data)
    with pytest.raises(StateUnreadable, match="catalogue"):
        read_catalog(places)
