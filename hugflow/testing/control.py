"""Steering a Hub that runs in another process, by HTTP on the port of its API.

    POST    /_hugflow/faults      inject: JSON, an order or a list of them (see `fault_text`)
    GET     /_hugflow/faults      every injection, with `seen` and `struck`
    DELETE  /_hugflow/faults      clear them
    POST    /_hugflow/move        {"repo_id", "revision", "branch": "main", "kind": "datasets"}
    GET     /_hugflow/requests    the log
    DELETE  /_hugflow/requests    begin it anew

    $ curl -d '"storage *.parquet reset:1000 x2"' http://127.0.0.1:41873/_hugflow/faults

No fault strikes these, and the log does not hold them.
"""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, Protocol

from hugflow.errors import UsageWrong
from hugflow.testing.exchange import Answer, Ask, Refusal, answer_json
from hugflow.testing.fault_text import Order, read_order, render_order
from hugflow.testing.faults import Fault, Match
from hugflow.testing.injections import Injection, When
from hugflow.testing.repository import Kind

CONTROL_SEGMENT = "_hugflow"


class Steered(Protocol):
    """What of a Hub is steered from outside."""

    @property
    def injections(self) -> tuple[Injection, ...]: ...

    @property
    def requests(self) -> Sequence[Any]: ...

    def inject(self, *faults: Fault, when: When, times: int | None, after: int) -> Injection: ...

    def clear_faults(self) -> None: ...

    def clear_requests(self) -> None: ...

    def move_branch(self, repo_id: str, revision: str, *, branch: str, kind: Kind) -> None: ...


def is_control(ask: Ask) -> bool:
    """Whether the question is for the Hub's stand-in itself."""
    return ask.port == "api" and ask.segments[0] == CONTROL_SEGMENT


def answer_control(hub: Steered, ask: Ask) -> Answer:
    """Do what is asked, and say what stands now."""
    try:
        match (ask.method, *ask.segments[1:]):
            case ("POST", "faults"):
                asked = _read_json(ask)
                orders = [
                    read_order(each) for each in (asked if isinstance(asked, list) else [asked])
                ]
                for order in orders:
                    hub.inject(*order.faults, when=order.when, times=order.times, after=order.after)
                return _answer_injections(hub)
            case ("GET", "faults"):
                return _answer_injections(hub)
            case ("DELETE", "faults"):
                hub.clear_faults()
                return _answer_injections(hub)
            case ("POST", "move"):
                return _move(hub, _read_json(ask))
            case ("GET", "requests"):
                return answer_json([dataclasses.asdict(request) for request in hub.requests])
            case ("DELETE", "requests"):
                hub.clear_requests()
                return answer_json([])
            case _:
                raise Refusal(404, "Steer by faults, move and requests")
    except KeyError as error:
        return answer_json({"error": f"there is no {error.args[0]!r} here"}, status=404)
    except UsageWrong as error:
        return answer_json({"error": error.what, "why": error.why, "mend": error.mend}, status=400)
    except Refusal as refusal:
        return refusal.to_answer()


def render_injection(injection: Injection) -> dict[str, Any]:
    """An injection with its counts; what is no value, such as a function, by its name."""
    when = injection.when if isinstance(injection.when, Match) else Match()
    order = Order(injection.faults, when, injection.times, injection.after)  # type: ignore[arg-type]
    return {**render_order(order), "seen": injection.seen, "struck": injection.struck}


def _answer_injections(hub: Steered) -> Answer:
    return answer_json([render_injection(injection) for injection in hub.injections])


def _move(hub: Steered, asked: Any) -> Answer:
    try:
        repo_id, revision = asked["repo_id"], asked["revision"]
        branch, kind = asked.get("branch", "main"), asked.get("kind", "datasets")
    except (TypeError, KeyError) as error:
        raise Refusal(400, "move takes repo_id and revision, and branch and kind") from error
    hub.move_branch(repo_id, revision, branch=branch, kind=kind)
    return answer_json({"repo_id": repo_id, "branch": branch, "revision": revision})


def _read_json(ask: Ask) -> Any:
    try:
        return json.loads(ask.body)
    except ValueError as error:
        raise Refusal(400, "the body is no JSON") from error
