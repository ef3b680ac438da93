"""What runs in a worker process: one step's flow, on a few rows at a time.

A question holds rows, an answer one outcome for each, in their order:

    {"rows": [{"text": " A  b"}, ...], "timeout_s": 60}
    {"outcomes": [{"out": {"text_norm": "A b"}}, {"dropped": true}, {"error": "KeyError: 'text'"}]}

The process has no token in its environment. That keeps accidents apart; it is no sandbox.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from types import FrameType
from typing import Any, Final

from hugflow.errors import FlowError
from hugflow.flows.config import refuse_code
from hugflow.flows.flow import Flow, load_subflow
from hugflow.flows.load import load_flow
from hugflow.flows.own_code import digest_own_code
from hugflow.flows.places import FlowPlaces
from hugflow.flows.records import Synced
from hugflow.flows.trust import Trust, refuse_replaced
from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.workers.channel import Bytes, Header
from hugflow.workers.child import Answer

MOST_BYTES: Final = 16 << 20
# How long a row may go on after its time, and what the worker then leaves with.
STUCK_AFTER_S: Final = 2.0
STUCK: Final = 70
# The fields that an error names.
_MOST_NAMED: Final = 5
# Lists and mappings inside each other; what reads JSON later ends at some 900.
_MOST_DEEP: Final = 200

Outcome = dict[str, Any]


class RowTookTooLong(BaseException):
    """A row's time is over; no Exception, so that a flow's own handlers do not take it."""


def prepare_step(
    dotted: str,
    config: Mapping[str, Any],
    gives: Sequence[str],
    is_batched: bool,
    root: str,
    trust: Trust,
    caches: str,
    closure: Sequence[Synced],
    own_code: str | None = None,
) -> Callable[[Header, Bytes], Answer]:
    """Load a step's flow, and give what answers questions. Raises what `load_flow` raises.

    caches: the owner's folder for compiled files; each worker uses a new one in it, so that none
    runs what was compiled of other sources.
    closure: the modules as the owner knows them. Questions are refused when one of them was synced
    again since: results of two commits never count as those of one.
    own_code: the digest of the project's own code alone as the owner knows it; other code is refused.
    """
    places = FlowPlaces(Path(root))
    refuse_code(config, dotted)
    if own_code is not None and digest_own_code(places, dotted, code_only=True) != own_code:
        raise FlowError(
            f"the code of {dotted} has changed since the step began",
            why="results of two versions never count as those of one",
            mend="run the same command again: the step runs with the code as it is now",
        )
    cache = Path(mkdtemp(dir=caches))
    # For this process's whole life: a flow may make subflows while it runs, too.
    load_subflow.set(lambda name: load_flow(name, places, trust, cache).flow_class)
    loaded = load_flow(dotted, places, trust, cache)
    closure = (*closure, *loaded.closure.values())
    refuse_replaced(places, closure)
    flow = loaded.flow_class(**config)
    run = partial(_run_batch, flow) if is_batched else partial(_run_rows, flow)
    owner = os.getpid()
    threading.Thread(target=_watch.run, name="watch", daemon=True).start()

    def answer(header: Header, data: Bytes) -> Answer:
        refuse_replaced(places, closure)
        outcomes = run(header["rows"], tuple(gives), float(header["timeout_s"]))
        if os.getpid() != owner:
            # A process that the flow has forked, and that came back here: not its to answer.
            os._exit(0)
        return Answer({"outcomes": outcomes})

    return answer


def _run_rows(
    flow: Flow, rows: Sequence[Mapping[str, Any]], gives: Sequence[str], timeout_s: float
) -> list[Outcome]:
    outcomes = []
    for row in rows:
        try:
            with _limited(timeout_s):
                found = flow.run(dict(row))
            outcomes.append(to_outcome(found, gives))
        except BaseException as error:  # noqa: BLE001  # whatever a row does, it costs that row
            outcomes.append(_to_error(error, timeout_s))
    return outcomes


def _run_batch(
    flow: Flow, rows: Sequence[Mapping[str, Any]], gives: Sequence[str], timeout_s: float
) -> list[Outcome]:
    """The rows in one call; where that fails, one by one, so that one row costs itself alone."""
    try:
        with _limited(timeout_s * len(rows)):
            found: object = flow.run_batch([dict(row) for row in rows])
        if not isinstance(found, list) or len(found) != len(rows):
            raise TypeError(f"run_batch gave no list of {len(rows)} results")
    except BaseException as error:  # noqa: BLE001  # as above
        if len(rows) == 1:
            return [_to_error(error, timeout_s)]
        singles = (_run_batch(flow, [row], gives, timeout_s) for row in rows)
        return [outcome for single in singles for outcome in single]
    outcomes = []
    for each in found:
        try:
            outcomes.append(to_outcome(each, gives))
        except Exception as error:  # noqa: BLE001  # a mapping of theirs may raise anything
            outcomes.append(_to_error(error, timeout_s))
    return outcomes


def to_outcome(found: object, gives: Sequence[str]) -> Outcome:
    """What is kept of a result. Raises TypeError and ValueError for what no JSON holds."""
    if found is None:
        return {"dropped": True}
    if not isinstance(found, Mapping):
        raise TypeError(f"run gave {type(found).__name__}, where a mapping or None is meant")
    missing = [name for name in gives if name not in found]
    if missing:
        gave = ", ".join(map(str, list(found)[:_MOST_NAMED])) or "nothing"
        raise ValueError(f"run gave {gave}, and not {', '.join(missing)}, which `out` names")
    # Half of a surrogate pair has no UTF-8: such a text fails here, and costs its row alone.
    kept = {name: found[name] for name in gives}
    text = json.dumps(kept, allow_nan=False, ensure_ascii=False, default=_refuse_type).encode()
    if len(text) > MOST_BYTES:
        raise ValueError(f"run gave {len(text):,} bytes")
    if text.count(b"[") + text.count(b"{") > _MOST_DEEP and _is_deeper(kept, _MOST_DEEP):
        raise ValueError(f"run gave lists or mappings inside each other, more than {_MOST_DEEP}")
    loaded = json.loads(text)
    if loaded != kept:
        # Keys that are no texts become texts, of which two may be equal.
        json.loads(text, object_pairs_hook=_refuse_twice)
    return {"out": loaded}


def _is_deeper(value: Mapping[str, object], most: int) -> bool:
    """Whether lists and mappings lie in each other more than `most` times; JSON has no circles."""
    level: list[Any] = [value]
    for _ in range(most):
        level = [
            each
            for holder in level
            for each in (holder.values() if isinstance(holder, Mapping) else holder)
            if isinstance(each, Mapping | list | tuple)
        ]
        if not level:
            return False
    return True


def _refuse_type(value: object) -> None:
    hint = ", such as .item() of it" if hasattr(value, "item") else ""
    raise TypeError(
        f"run gave an object of the type {type(value).__name__}, which is not JSON serializable: "
        f"give a text, a number, a list or a mapping{hint}"
    )


def _refuse_twice(pairs: Sequence[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"run gave a mapping with two keys that are {twice[:40]!r} as text")


def _to_error(error: BaseException, timeout_s: float) -> Outcome:
    if isinstance(error, RowTookTooLong):
        return {"error": f"it gave no result within {timeout_s:g} s"}
    name = type(error).__name__
    try:
        return {"error": in_a_line(f"{name}: {error}")}
    except Exception:  # noqa: BLE001  # an error of theirs may not even have a text
        return {"error": in_a_line(name)}


@contextmanager
def _limited(timeout_s: float) -> Iterator[None]:
    """Raise RowTookTooLong in the block when its time is over; native code ends it too late."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    _watch.ends_at = time.monotonic() + timeout_s + STUCK_AFTER_S
    try:
        yield
    finally:
        _watch.ends_at = None
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@dataclass(slots=True)
class _Watch:
    """Ends this process when a row goes on after its alarm, which a flow's code may swallow."""

    ends_at: float | None = None

    def run(self) -> None:
        while True:
            time.sleep(STUCK_AFTER_S / 4)
            if self.ends_at is not None and time.monotonic() > self.ends_at:
                os._exit(STUCK)


_watch = _Watch()


def _ring(number: int, frame: FrameType | None) -> None:
    raise RowTookTooLong
