"""`hugflow add`, `ls`, `logs` and `open`, and NAME where a request is meant."""

import io
import json
from pathlib import Path

import pytest

from hugflow.cli import add, ask
from hugflow.cli.running_up import only_one_up
from hugflow.errors import UsageWrong
from hugflow.shards.lookup import Offer
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_subsets
from tests.projects import Project


class Terminal(io.StringIO):
    """Lines that somebody types."""

    def isatty(self) -> bool:
        return True

    def type(self, text: str) -> None:
        self.seek(0)
        self.truncate()
        self.write(text)
        self.seek(0)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdin", terminal)
    monkeypatch.setattr(ask, "can_ask", lambda: True)
    monkeypatch.setattr(add, "can_ask", lambda: True)
    return terminal


def test_a_request_is_only_written_where_requests_are_read(project: Project, hub: LoopbackHub):
    publish_speech(hub, "add/where", rows=2, shards=1, seconds=0.2)
    outside = ("foo.txt", "foo.yaml", "requests/foo.txt", "../foo.yaml", "requests/remove/foo.yaml")
    for file in outside:
        done = project.run("add", "add/where", "--file", file)
        assert done.returncode == 2
        assert "is not the path of an add file" in done.stderr
    done = project.run("add", "add/where", "--file", "requests/add/speech/where.yaml")
    assert done.returncode == 0, done.stderr
    assert (project.root / "requests/add/speech/where.yaml").is_file()


def test_a_dataset_with_one_of_each_is_requested_without_a_question(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "add/speech", rows=6, shards=2, seconds=0.2)
    done = project.run("add", "add/speech")
    assert done.returncode == 0, done.stderr
    path = project.root / "requests" / "add" / "speech.yaml"
    lines = path.read_text().splitlines()
    assert lines[0] == "# yaml-language-server: $schema=../request.schema.json"
    assert lines[1:3] == ['hf_id: "add/speech"', 'description: "add/speech, train"']
    assert (path.parents[1] / "request.schema.json").is_file()
    assert "rows     6, in 2 files" in done.stdout
    again = project.run("add", "add/speech")
    assert again.returncode == 2
    assert "requests/add/speech.yaml asks for" in again.stderr
    assert project.run("validate").returncode == 0
    assert (
        json.loads(project.run("plan", "add/speech", "--json").stdout)["datasets"][0]["rows"] == 6
    )
    made = project.run("local-sync", "--no-report")
    assert made.returncode == 0, made.stderr
    assert project.run("ls").stdout.split()[0] == "completed"
    assert "published" in project.run("logs", "add/speech").stdout
    assert "add__speech" in project.run("why", "add/speech#0").stdout
    assert "planned" in project.run("audit", "--dataset", "add__sp").stdout


def test_a_choice_without_a_terminal_needs_an_option(project: Project, hub: LoopbackHub):
    publish_subsets(hub, "add/languages")
    refused = project.run("add", "add/languages")
    assert refused.returncode == 2
    assert "ms, en" in refused.stderr
    assert "--subset" in refused.stderr
    done = project.run("add", "add/languages", "--subset", "ms", "--split", "test", "--json")
    [entry] = json.loads(done.stdout)["datasets"]
    assert (entry["request"], entry["rows"]) == ("requests/add/languages-ms-test.yaml", 2)


@pytest.mark.parametrize(
    ("arguments", "fix"),
    [
        (["--subset", "ns"], "give --subset ms"),
        (["--subset", "ms", "--split", "tests"], "give --split test"),
        (["--subset", "ms", "--audio-column", "audios"], "give --audio-column audio"),
        (["--subset", "ms", "--text-column", "texts"], "give --text-column text"),
        (["--subset", "xyz"], "give --subset the one you mean, for example --subset "),
    ],
)
def test_what_the_hub_does_not_have_is_mended_by_an_option(
    project: Project, hub: LoopbackHub, arguments: list[str], fix: str
):
    publish_subsets(hub, "add/options")
    refused = project.run("add", "add/options", *arguments)
    assert refused.returncode == 4
    assert f"fix: {fix}" in refused.stderr
    assert not list(project.root.glob("requests/add/*"))


def test_at_a_terminal_enter_takes_the_default_and_a_wrong_answer_is_asked_again(
    typed: Terminal, capsys: pytest.CaptureFixture[str]
):
    typed.type("\nfrench\nms\n")
    offer = Offer(("ms", "en"), "en")
    assert add._pick("subset", offer) == "en"
    assert add._pick("subset", Offer(("ms", "en"))) == "ms"
    told = capsys.readouterr().err
    assert "subset: ms, en" in told
    assert "'french' is none of them" in told
    typed.type("a\nb\nc\n")
    with pytest.raises(UsageWrong, match="no subset was chosen"):
        ask.choose("subset", ("ms", "en"), None, "--subset")
    with pytest.raises(ask.NoAnswer):
        ask.choose("subset", ("ms", "en"), None, "--subset")


def test_what_a_request_means_without_the_field_is_not_written():
    assert add._pick("audio_column", Offer(("audio", "noise"), "audio"), usual="audio") is None
    assert add._pick("split", Offer(("train",))) is None
    assert add._pick("split", Offer(("test",))) == "test"
    offer = Offer(("id", "sentence"), "sentence")
    assert add._pick("text_column", offer, usual="text", may_lack=True) == "sentence"


def test_a_page_has_an_address_while_the_web_ui_runs(project: Project):
    project.request("acme/speech")
    closed = project.run("open", "acme/speech")
    assert closed.returncode == 1
    assert "hugflow up" in closed.stderr
    with only_one_up(project.places, "http://127.0.0.1:3000"):
        told = project.run("open", "acme/speech").stdout.strip()
    name = "acme__speech__split_train__rev_main"
    assert told == f"http://127.0.0.1:3000/assets/{name}/processed"


def test_several_requests_are_planned_and_one_that_fails_stops_no_other(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "several/one", rows=2, shards=1, seconds=0.2)
    project.request("several/one", name="one")
    project.request("several/gone", name="gone")
    (project.root / "requests" / "add" / "bad.yaml").write_text("hf_id: nothing\n")
    done = project.run("plan", str(Path("requests")), "--json", "--no-sample")
    entries = {entry["request"]: entry["state"] for entry in json.loads(done.stdout)["datasets"]}
    assert entries == {
        "requests/add/bad.yaml": "failed",
        "requests/add/gone.yaml": "failed",
        "requests/add/one.yaml": "planned",
    }
    assert done.returncode == 4
    last = done.stderr.splitlines()[-1]
    assert last.startswith("1 of 3 datasets planned, 2 failed: ")


def test_a_dataset_of_the_hub_that_nothing_asks_for_yet_is_added_first(project: Project):
    asked = project.run("plan", "acme/unasked")
    assert asked.returncode == 2
    assert "`hugflow add acme/unasked` writes a request" in asked.stderr
    typo = project.run("plan", "requests/typo.yaml")
    assert "hugflow add" not in typo.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["music"], "OWNER/NAME has 0 slashes"), (["acme/music", "--split", "a b"], "--split ")],
)
def test_a_value_that_no_request_may_have_names_the_option(
    project: Project, arguments: list[str], says: str
):
    done = project.run("add", *arguments)
    assert done.returncode == 4
    assert f"error: {says}" in done.stderr
    assert ".yaml" not in done.stderr
