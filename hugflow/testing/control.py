"""Steering a stand-in that runs in another process, by HTTP.

    POST    /_hugflow/faults      inject: JSON, an order or a list of them (see `fault_text`)
    GET     /_hugflow/faults      every injection, with `seen` and `struck`
    DELETE  /_hugflow/faults      clear them
    GET     /_hugflow/requests    the log
    DELETE  /_hugflow/requests    empty the log
    GET     /_hugflow/state       what it holds
    POST    /_hugflow/<verb>      a verb of this stand-in: an object with the verb's parameters
    POST    /_hugflow/outage      refuse connections ...
    DELETE  /_hugflow/outage      ... and accept them again

    $ curl -d '"storage *.parquet reset:1000 x2"' http://127.0.0.1:41873/_hugflow/faults

The stand-in's own port answers all of these except `outage`; its `control_url`, a port that stays
open, answers all. Faults do not strike them, and the log does not hold them.
"""

import dataclasses
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import pydantic

from hugflow.errors import UsageWrong
from hugflow.testing.exchange import Ask, Refusal, Response, answer_json
from hugflow.testing.fault_text import Order, read_order, render_order
from hugflow.testing.faults import Fault, Match
from hugflow.testing.injections import Injection, When

CONTROL_SEGMENT = "_hugflow"


class Steered(Protocol):
    """The parts of a stand-in that are steered from outside.

    verbs: its own verbs by name; each takes and gives JSON values.
    """

    @property
    def injections(self) -> tuple[Injection, ...]: ...

    @property
    def requests(self) -> Sequence[Any]: ...

    @property
    def verbs(self) -> Mapping[str, Callable[..., Any]]: ...

    def describe(self) -> Any: ...

    def inject(
        self, *faults: Fault, when: When, times: int | None, after: int, with_effect: bool
    ) -> Injection: ...

    def clear_faults(self) -> None: ...

    def clear_requests(self) -> None: ...

    def refuse(self) -> None: ...

    def accept(self) -> None: ...


def is_control(ask: Ask) -> bool:
    """Whether the request is for the stand-in itself, not for the service that it replaces."""
    return ask.port != "storage" and ask.segments[0] == CONTROL_SEGMENT


def answer_control(stand_in: Steered, ask: Ask, *, stays_open: bool) -> Response:
    """Do what is asked, and return the new state.

    stays_open: the request came on the port that is open during an outage.
    """
    try:
        match (ask.method, *ask.segments):
            case (method, "_hugflow", "faults"):
                return _answer_faults(stand_in, method, ask)
            case ("GET", "_hugflow", "requests"):
                return answer_json([dataclasses.asdict(request) for request in stand_in.requests])
            case ("DELETE", "_hugflow", "requests"):
                stand_in.clear_requests()
                return answer_json([])
            case ("GET", "_hugflow", "state"):
                return answer_json(stand_in.describe())
            case ("POST" | "DELETE" as method, "_hugflow", "outage"):
                return _answer_outage(stand_in, method, stays_open=stays_open)
            case ("POST", "_hugflow", verb) if verb in stand_in.verbs:
                return answer_json(_call(verb, stand_in.verbs[verb], _read_json(ask)))
            case _:
                verbs = ", ".join(("faults", "requests", "state", "outage", *stand_in.verbs))
                raise Refusal(404, f"Steer by {verbs}")
    except KeyError as error:
        return answer_json({"error": f"there is no {error.args[0]!r} here"}, status=404)
    except UsageWrong as error:
        return answer_json({"error": error.what, "why": error.why, "mend": error.mend}, status=400)
    except Refusal as refusal:
        return refusal.to_answer()


def render_injection(injection: Injection) -> dict[str, Any]:
    """An injection with its counts; a function is given by its name."""
    when = injection.when if isinstance(injection.when, Match) else Match()
    order = Order(
        injection.faults,  # type: ignore[arg-type]
        when,
        injection.times,
        injection.after,
        injection.with_effect,
    )
    return {**render_order(order), "seen": injection.seen, "struck": injection.struck}


def inject_order(stand_in: Steered, order: Order) -> Injection:
    """Inject an order's faults."""
    return stand_in.inject(
        *order.faults,
        when=order.when,
        times=order.times,
        after=order.after,
        with_effect=order.with_effect,
    )


def _answer_faults(stand_in: Steered, method: str, ask: Ask) -> Response:
    if method == "POST":
        asked = _read_json(ask)
        orders = [read_order(each) for each in (asked if isinstance(asked, list) else [asked])]
        for order in orders:
            inject_order(stand_in, order)
    elif method == "DELETE":
        stand_in.clear_faults()
    return answer_json([render_injection(injection) for injection in stand_in.injections])


def _answer_outage(stand_in: Steered, method: str, *, stays_open: bool) -> Response:
    if not stays_open:
        raise UsageWrong(
            "an outage cannot be started on the port that it closes",
            why="it could not be ended there",
            mend="ask at the stand-in's control address",
        )
    is_begun = method == "POST"
    (stand_in.refuse if is_begun else stand_in.accept)()
    return answer_json({"outage": is_begun})


def _call(verb: str, function: Callable[..., Any], values: Any) -> Any:
    takes = f"{verb} takes {', '.join(inspect.signature(function).parameters)}"
    if not isinstance(values, dict):
        raise Refusal(400, takes)
    try:
        return pydantic.validate_call(function)(**values)
    except pydantic.ValidationError as error:
        raise Refusal(400, f"{takes}: {error.errors()[0]['msg']}") from error


def _read_json(ask: Ask) -> Any:
    try:
        return json.loads(ask.body)
    except ValueError as error:
        raise Refusal(400, "the body is no JSON") from error
