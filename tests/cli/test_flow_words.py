"""What the commands of served flows are given: names, a class and an endpoint, a message."""

import base64
import json
from pathlib import Path

import pytest

from hugflow.cli.flow_words import find_endpoint_and_class, plain_reply, read_message
from hugflow.cli.main import run
from hugflow.errors import UsageWrong


@pytest.mark.parametrize(
    "words",
    [
        ["user", "new", "a b"],
        ["user", "revoke", "../x"],
        ["serve", "a b", "my_flows.Clean"],
        ["serve", "clean", "my_flows.Clean", "--dispatch-point", "a b"],
        ["unserve", "a b"],
        ["call", "a b"],
        ["call", "--message", "a b"],
        ["worker", "--dispatch-point", "a b"],
        ["call", "clean", "[1]"],
        ["call", "clean", "{", "--timeout", "1"],
        ["call", "clean", "{}", "--data", "{}"],
    ],
)
def test_a_word_that_cannot_be_is_an_error_of_usage(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "hugflow.yaml").write_text("flows: {}\n")
    monkeypatch.chdir(tmp_path)
    assert run(["flows", *words]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 3
    assert not (tmp_path / ".hugflow-state").exists()


@pytest.mark.parametrize("words", [("clean", "my_flows.Clean"), ("my_flows.Clean", "clean")])
def test_endpoint_and_class_come_in_either_order(words: tuple[str, str]) -> None:
    assert find_endpoint_and_class(*words) == ("clean", "my_flows.Clean")


@pytest.mark.parametrize("words", [("clean", "Clean"), ("a.B", "my_flows.Clean")])
def test_two_endpoints_or_two_classes_are_refused(words: tuple[str, str]) -> None:
    with pytest.raises(UsageWrong):
        find_endpoint_and_class(*words)


def test_a_message_is_an_argument_or_an_option() -> None:
    assert read_message('{"number": 1234}', None) == {"number": 1234}
    assert read_message(None, '{"number": 1234}') == {"number": 1234}
    assert read_message(None, None) == {}


def test_a_reply_with_bytes_can_be_printed() -> None:
    shown = json.loads(json.dumps(plain_reply({"clip": [b"\xff\x00", "text", 1], "n": None})))
    assert shown["clip"][1:] == ["text", 1]
    assert shown["n"] is None
    assert base64.b64decode(shown["clip"][0]["base64"]) == b"\xff\x00"
