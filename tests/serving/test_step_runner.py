"""Rows of a dataset at a served flow: what is sent of the disk, and what of a reply is believed."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hugflow.errors import FlowError, FlowMessageTooLarge
from hugflow.flows.messages import FlowMessage
from hugflow.serving.served_flow import ROWS
from hugflow.serving.step_runner import ServedRunner, ServedStep


class Owner:
    """A served flow that gives a reply whatever it is sent."""

    name, user_id, flow_id = "listen", "OWNER", "1"

    def __init__(self, outcomes: Any) -> None:
        self.sent: list[Mapping[str, Any]] = []
        self._outcomes = outcomes
        link = SimpleNamespace(most_bytes=8 << 20, forget_reply=lambda subject: None)
        self.cl = SimpleNamespace(link=link, run=lambda work: None, get_user_id=lambda: "US")

    def package_input_message(self, data: dict[str, Any]) -> FlowMessage:
        self.sent += data[ROWS]
        return FlowMessage(data)

    def get_reply_future(self, message: FlowMessage) -> Any:
        return SimpleNamespace(get_data=lambda within_s: {ROWS: self._outcomes})


def runner(owner: Owner, clips: Path) -> ServedRunner:
    step = ServedStep("OWNER", "listen", {}, ("heard",), ("audio",), 1.0, clips)
    made = ServedRunner(step, serving=None)  # type: ignore[arg-type]
    made._flow = owner  # type: ignore[assignment]
    return made


def test_no_file_but_a_clip_of_the_dataset_is_sent(tmp_path: Path) -> None:
    clips, secret = tmp_path / "audio", tmp_path / "secret"
    clips.mkdir()
    (clips / "0.mp3").write_bytes(b"sound")
    secret.write_bytes(b"swordfish")
    (clips / "link.mp3").symlink_to(secret)
    owner = Owner([{"out": {"heard": 5}}])
    named = [str(clips / "0.mp3"), str(secret), f"{clips}/../secret", f"{clips}/link.mp3", "a\0b"]
    found = runner(owner, clips).run([{"audio": each} for each in named])
    assert owner.sent == [{"audio": {"path": "0.mp3", "bytes": b"sound"}}]
    assert found[0] == {"out": {"heard": 5}}
    assert all("cannot be sent" in each["error"] for each in found[1:])


@pytest.mark.parametrize(
    "outcomes", [None, {}, [], [{"out": {"heard": 1}}], ["a", "b"], [{"dropped": True}] * 3]
)
def test_a_reply_without_an_outcome_for_each_row_is_not_taken(
    outcomes: Any, tmp_path: Path
) -> None:
    with pytest.raises(FlowError, match="no outcome for each of 2 rows"):
        runner(Owner(outcomes), tmp_path).run([{"text": "a"}, {"text": "b"}])


@pytest.mark.parametrize("outcome", [{}, {"out": None}, {"dropped": "no"}])
def test_a_row_is_dropped_only_where_the_owner_says_so(
    outcome: dict[str, Any], tmp_path: Path
) -> None:
    rows = [{"text": "a"}, {"text": "b"}]
    found = runner(Owner([outcome, {"dropped": True}]), tmp_path).run(rows)
    assert found == [{"error": "its owner gave no outcome"}, {"dropped": True}]


class Wordy(Owner):
    """Its replies are too large for more than so many rows."""

    def __init__(self, most_rows: int) -> None:
        super().__init__([])
        self.sizes: list[int] = []
        self._most_rows = most_rows

    def get_reply_future(self, message: FlowMessage) -> Any:
        rows = message.data[ROWS]
        self.sizes.append(len(rows))

        def get_data(within_s: float) -> dict[str, Any]:
            if len(rows) > self._most_rows:
                raise FlowMessageTooLarge("the reply is 9 MB", why="", mend="")
            return {ROWS: [{"out": {"heard": row["text"]}} for row in rows]}

        return SimpleNamespace(get_data=get_data)


def test_rows_whose_reply_is_too_large_go_in_halves_and_one_row_costs_itself(
    tmp_path: Path,
) -> None:
    rows = [{"text": text} for text in "abcde"]
    owner = Wordy(most_rows=2)
    found = runner(owner, tmp_path).run(rows)
    assert found == [{"out": {"heard": text}} for text in "abcde"]
    assert owner.sizes == [5, 2, 3, 1, 2]
    found = runner(Wordy(most_rows=0), tmp_path).run(rows[:2])
    assert found == [{"error": "the reply is 9 MB"}] * 2
