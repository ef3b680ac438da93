"""Clips to listen to beside the web UI: whose they are, and what is never given."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from hugflow.guard.asgi import Guard
from hugflow.guard.rules import Rules, known_hosts
from hugflow.store.layout import Places
from hugflow_resources.clip_paths import listen_url
from hugflow_resources.listening import WithClips

NAME = "acme__speech__split_train__rev_main"
BASE = "http://127.0.0.1:3000"
HEADERS = {"authorization": "Bearer the-token"}


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    """A web UI that asks for its token, and a dataset of three rows."""
    places = Places(tmp_path / "datasets", tmp_path / "processed", tmp_path / "state")
    folder = places.dataset(NAME)
    folder.audio.mkdir(parents=True)
    folder.json.mkdir()
    (tmp_path / "secret.mp3").write_bytes(b"secret")
    (folder.audio / "a.mp3").write_bytes(b"ID3 first clip")
    (folder.audio / "out.mp3").symlink_to(tmp_path / "secret.mp3")
    named = ["audio/a.mp3", "../../secret.mp3", "audio/out.mp3", "manifest.json", 7]
    for row, path in enumerate(named):
        value = {"text": "<script>alert(1)</script>", "audio_info": {"path": path}}
        (folder.json / f"{row}.json").write_text(json.dumps(value))
    rules = Rules(known_hosts("127.0.0.1", 3000), "the-token")
    app = WithClips(PlainTextResponse("the UI"), places)
    return TestClient(Guard(app, rules), base_url=BASE, headers=HEADERS)


def test_the_page_has_a_player_for_each_row_and_runs_no_text(client: TestClient):
    page = client.get(listen_url(NAME, [0, 1, 99]))
    assert page.text.count("<audio controls") == 2
    assert "&lt;script&gt;alert(1)" in page.text
    assert "<script" not in page.text
    assert page.headers["content-security-policy"].startswith(
        "default-src 'none'; media-src 'self'"
    )
    assert page.headers["x-frame-options"] == "DENY"


def test_a_text_that_is_no_text_and_a_row_that_is_no_row_break_nothing(
    client: TestClient, tmp_path: Path
):
    folder = tmp_path / "datasets" / NAME / "json"
    (folder / "0.json").write_text(
        '{"text": "half \\ud800", "audio_info": {"path": "audio/a.mp3"}}'
    )
    (folder / "1.json").write_text("[" * 99_999)
    assert "half ?" in client.get(listen_url(NAME, [0, 1])).text
    assert client.get(listen_url(NAME, [1])).status_code == 404


def test_a_clip_is_given_whole_and_from_any_place_of_it(client: TestClient):
    whole = client.get(f"/_hugflow/clip/{NAME}/0")
    assert (whole.content, whole.headers["content-type"]) == (b"ID3 first clip", "audio/mpeg")
    part = client.get(f"/_hugflow/clip/{NAME}/0", headers={"range": "bytes=4-8"})
    assert (part.status_code, part.content) == (206, b"first")


@pytest.mark.parametrize(
    "path",
    [
        *(f"{NAME}/{row}" for row in (1, 2, 3, 4, 5)),
        f"{NAME}/../0",
        f"{NAME}/-1",
        f"{NAME}/0/",
        quote("../datasets/", safe="") + f"{NAME}/0",
        quote(f"../datasets/{NAME}", safe="") + "/0",
        "./0",
        "/0",
    ],
)
def test_nothing_else_is_given(client: TestClient, path: str):
    told = client.get(f"/_hugflow/clip/{path}")
    assert b"secret" not in told.content
    assert (told.status_code, told.text) in ((404, "there is no such clip"), (200, "the UI"))


def test_it_only_reads_and_is_behind_the_guard(client: TestClient):
    assert client.post(f"/_hugflow/clip/{NAME}/0").status_code == 405
    assert client.get("/anything").text == "the UI"
    client.headers.pop("authorization")
    for path in (f"/_hugflow/clip/{NAME}/0", listen_url(NAME, [0])):
        assert client.get(path).status_code == 401
