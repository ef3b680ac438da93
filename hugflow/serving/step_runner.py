"""Running a dataset's step where somebody serves it.

Rows go in batches of up to 4 MB. A batch whose worker stops is done by the next one; a batch that
gets no reply in time ends the run, which goes on at the same row when it is started again.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hugflow.errors import FlowError, FlowMessageTooLarge
from hugflow.flows.step_worker import Outcome, to_outcome
from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.serving import subjects, wire
from hugflow.serving.places import ProjectServing
from hugflow.serving.seals import seal
from hugflow.serving.served_flow import ROWS, read_outcomes
from hugflow.serving.serving import get_flow_instance
from hugflow.store.atomic import read_file

if TYPE_CHECKING:
    from hugflow.serving.colink import CoLink
    from hugflow.serving.served_flow import ServedFlow

BATCH_BYTES: Final = 4 << 20
# Beyond the rows' own time: a worker that is started again, and the way.
GRACE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class ServedStep:
    """One step.

    user: an id, or `local`.
    attach: fields with the path of a clip, which is sent.
    clips: the folder that they lie in; no other file is sent.
    """

    user: str
    endpoint: str
    config: Mapping[str, Any]
    gives: tuple[str, ...]
    attach: tuple[str, ...]
    timeout_s: float
    clips: Path


class ServedRunner:
    """A `FlowRunner`; it connects with the first rows. Raises FlowError where nobody answers."""

    def __init__(self, step: ServedStep, serving: ProjectServing) -> None:
        """Nothing is connected yet."""
        self._step = step
        self._serving = serving
        self._cl: CoLink | None = None
        self._flow: ServedFlow | None = None

    def run(self, rows: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        """An outcome for each row."""
        flow = self._flow or self._open()
        outcomes: list[Outcome] = []
        batch: list[dict[str, Any]] = []
        size = 0
        for row in rows:
            try:
                whole = self._attach(row)
            except (OSError, ValueError) as error:
                outcomes += self._send(flow, batch)
                batch, size = [], 0
                outcomes.append({"error": in_a_line(f"its clip cannot be sent: {error}")})
                continue
            row_bytes = wire.most_bytes(whole)
            if row_bytes > flow.cl.link.most_bytes - BATCH_BYTES // 8:
                outcomes += self._send(flow, batch)
                batch, size = [], 0
                outcomes.append(
                    {"error": f"the row is {row_bytes:,} bytes, too many for a message"}
                )
                continue
            if batch and size + row_bytes > BATCH_BYTES:
                outcomes += self._send(flow, batch)
                batch, size = [], 0
            batch.append(whole)
            size += row_bytes
        return outcomes + self._send(flow, batch)

    def close(self) -> None:
        """Release the instance, and disconnect."""
        if self._cl is None:
            return
        if self._flow is not None:
            owner, me = self._flow.user_id, self._cl.get_user_id()
            subject = subjects.question(owner, "release", me)
            asked = seal(self._cl, owner, subject, wire.encode({"flow_ids": [self._flow.flow_id]}))
            self._cl.run(self._cl.link.tell(subject, asked))
        self._cl.close()
        self._cl, self._flow = None, None

    def _open(self) -> "ServedFlow":
        step = self._step
        self._cl = self._serving.connect()
        self._flow = get_flow_instance(self._cl, step.endpoint, step.user, step.config)
        return self._flow

    def _attach(self, row: Mapping[str, Any]) -> dict[str, Any]:
        attached = {
            name: {"path": Path(row[name]).name, "bytes": read_file(self._clip(row[name]))}
            for name in self._step.attach
            if isinstance(row.get(name), str)
        }
        return {**row, **attached}

    def _clip(self, value: str) -> Path:
        """The clip at a path. Raises ValueError for any other file: a dataset may name one."""
        path = Path(value).resolve()
        if not path.is_relative_to(self._step.clips.resolve()):
            raise ValueError("it is no clip of the dataset")
        return path

    def _send(self, flow: "ServedFlow", batch: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        if not batch:
            return []
        message = flow.package_input_message({ROWS: list(batch)})
        within_s = self._step.timeout_s * len(batch) + GRACE_S
        future = flow.get_reply_future(message)
        try:
            found = read_outcomes(future.get_data(within_s), len(batch), flow)
        except FlowMessageTooLarge as error:
            # The reply: rows of four megabytes may give more than a message takes.
            if len(batch) < 2:
                return [{"error": in_a_line(error.what)}]
            half = len(batch) // 2
            return self._send(flow, batch[:half]) + self._send(flow, batch[half:])
        except TimeoutError as error:
            raise FlowError(
                f"flows:{flow.name} of user {flow.user_id} gave no reply within {within_s:g} s",
                why="no worker runs it, or it takes longer",
                mend="start its worker (`hugflow flows status` at its owner), then run the same "
                "command again: it continues at the same row",
            ) from error
        me, message_id = flow.cl.get_user_id(), message.message_id
        subject = subjects.reply(me, flow.user_id, flow.flow_id, message_id)
        flow.cl.run(flow.cl.link.forget_reply(subject))
        return [self._check(each) for each in found]

    def _check(self, outcome: Mapping[str, Any]) -> Outcome:
        if "error" in outcome:
            return {"error": in_a_line(str(outcome["error"]))}
        if outcome.get("dropped") is True:
            return {"dropped": True}
        if outcome.get("out") is None:
            # Not dropped: a row is never left out by mistake.
            return {"error": "its owner gave no outcome"}
        try:
            return to_outcome(outcome["out"], self._step.gives)
        except (TypeError, ValueError, RecursionError) as error:
            return {"error": in_a_line(f"{type(error).__name__}: {error}")}
