"""Faults as people write them: one line of words, or JSON.

    storage GET *.parquet reset:1000 x2
    api */revision/main status:503 status:429,retry_after_s=2
    link-expires:after_uses=1 always
    branch-moves:acme/speech,8a6c0f1 +1
    github POST */comments reset with-effect

A line names a port, a method and a path, each of them optional; then the faults, each with its
parameters in order or by name; then how often (`x2`, `always`; once by default), how many answers
pass first (`+1`), and whether the requested effect still happens (`with-effect`).
The same as JSON:

    {"faults": [{"fault": "reset", "after_bytes": 1000}],
     "when": {"port": "storage", "method": "GET", "path": "*.parquet"}, "times": 2, "after": 0}

`times` of null is always; `"with_effect": true` is the last.
"""

import dataclasses
import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeAlias, TypeVar, cast, get_args

import pydantic

from hugflow.errors import UsageWrong
from hugflow.late_dataclass import dataclass
from hugflow.testing.exchange import Port
from hugflow.testing.faults import (
    BranchMoves,
    Flip,
    Gzip,
    IgnoreRange,
    LinkExpires,
    Match,
    Page,
    Reset,
    Shorten,
    Stall,
    Status,
    Throttle,
    Truncate,
    WrongRange,
)
from hugflow.testing.limits import PrimaryLimit, SecondaryLimit

PORTS: tuple[str, ...] = get_args(Port)
WITH_EFFECT = "with-effect"
T = TypeVar("T")

AnyFault: TypeAlias = (
    Status
    | Reset
    | Stall
    | Throttle
    | Truncate
    | Shorten
    | Flip
    | LinkExpires
    | IgnoreRange
    | WrongRange
    | Page
    | Gzip
    | BranchMoves
    | SecondaryLimit
    | PrimaryLimit
)


@dataclass(frozen=True, slots=True)
class Order:
    """The parameters of `inject`."""

    faults: tuple[AnyFault, ...]
    when: Match = dataclasses.field(default_factory=Match)
    times: int | None = 1
    after: int = 0
    with_effect: bool = False

    def __post_init__(self) -> None:
        """Refuse an order that could never strike."""
        if not self.faults or self.after < 0 or (self.times is not None and self.times < 1):
            raise ValueError(
                "without a fault, a time of 1 or more and an after of 0 or more "
                "it could never strike"
            )


def to_word(kind: type) -> str:
    """The written form of a kind of fault: `LinkExpires` is `link-expires`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind.__name__).lower()


KINDS: Mapping[str, type[AnyFault]] = {to_word(kind): kind for kind in get_args(AnyFault)}


def parse_order(text: str) -> Order:
    """The order in a line of words, or in JSON text.

    Raises UsageWrong when it cannot be read.
    """
    if text.lstrip().startswith(("{", '"')):
        try:
            return read_order(json.loads(text))
        except ValueError as error:
            raise _wrong(text, f"it is no JSON: {error}") from error
    when: dict[str, str] = {}
    faults: list[AnyFault] = []
    times: int | None = 1
    after = 0
    with_effect = False
    for word in text.split():
        name, colon, parameters = word.partition(":")
        if name in KINDS:
            faults.append(_parse_fault(text, name, parameters))
        elif word in PORTS:
            when["port"] = word
        elif re.fullmatch(r"[A-Z]+", word):
            when["method"] = word
        elif re.fullmatch(r"x\d+", word):
            times = int(word[1:])
        elif word == "always":
            times = None
        elif re.fullmatch(r"\+\d+", word):
            after = int(word[1:])
        elif word == WITH_EFFECT:
            with_effect = True
        elif re.search(r"[/.*]", word) and not colon:
            when["path"] = word
        else:
            raise _wrong(text, f"the word {word!r} is none of a fault's", nearest=name)
    if not faults:
        raise _wrong(text, "it names no fault")
    values = {"faults": tuple(faults), "when": _build(text, Match, when), "times": times}
    return _build(text, Order, {**values, "after": after, "with_effect": with_effect})


def read_order(value: Any) -> Order:
    """The order in a JSON value: an object, or a line of words.

    Raises UsageWrong when it cannot be read.
    """
    if isinstance(value, str):
        return parse_order(value)
    text = json.dumps(value)
    known = {field.name for field in fields(Order)}
    if not isinstance(value, dict) or not isinstance(value.get("faults"), list):
        raise _wrong(text, 'it has no list "faults"')
    if unknown := value.keys() - known:
        raise _wrong(text, f"the field {min(unknown)!r} is unknown", nearest=min(unknown))
    faults = []
    for each in value["faults"]:
        word = each.get("fault") if isinstance(each, dict) else None
        if not isinstance(word, str) or word not in KINDS:
            raise _wrong(text, f"the fault {word!r} is unknown", nearest=str(word))
        faults.append(_build(text, KINDS[word], {n: v for n, v in each.items() if n != "fault"}))
    when = _build(text, Match, value.get("when", {}))
    rest = {name: value[name] for name in known - {"faults", "when"} if name in value}
    return _build(text, Order, {"faults": tuple(faults), "when": when, **rest})


def render_order(order: Order) -> dict[str, Any]:
    """The JSON of an order, without defaults."""
    faults = [{"fault": to_word(type(fault)), **_changed(fault)} for fault in order.faults]
    return {
        "faults": faults,
        "when": _changed(order.when),
        "times": order.times,
        "after": order.after,
        **({"with_effect": True} if order.with_effect else {}),
    }


def _parse_fault(text: str, word: str, parameters: str) -> AnyFault:
    kind = KINDS[word]
    names = [field.name for field in fields(kind)]
    values: dict[str, str] = {}
    for place, part in enumerate(parameters.split(",") if parameters else []):
        name, equals, value = part.partition("=")
        if not equals and place >= len(names):
            raise _wrong(text, f"{word} takes only {', '.join(names) or 'no parameters'}")
        values |= {name: value} if equals else {names[place]: part}
    return _build(text, kind, values)


def _build(text: str, kind: type[T], values: Mapping[str, Any]) -> T:
    """A dataclass from values that people wrote: `"1000"` is a number where one is meant."""
    names = [field.name for field in fields(cast(Any, kind))]
    if not isinstance(values, Mapping):
        raise _wrong(text, f"{values!r} is no object")
    if unknown := values.keys() - set(names):
        takes = f"{to_word(kind)} takes {', '.join(names) or 'no parameters'}"
        raise _wrong(text, f"{takes}, not {min(unknown)!r}")
    try:
        return pydantic.TypeAdapter(kind).validate_python(dict(values))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        words = [to_word(kind), *map(str, first["loc"]), first["msg"]]
        raise _wrong(text, ": ".join(words)) from error


def _changed(value: Any) -> dict[str, Any]:
    """The fields of a dataclass that do not have their defaults."""
    changed = {}
    for field in fields(value):
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        found = getattr(value, field.name)
        if found != default:
            changed[field.name] = dict(found) if isinstance(found, Mapping) else found
    return changed


def _wrong(text: str, why: str, *, nearest: str = "") -> UsageWrong:
    close = difflib.get_close_matches(nearest, [*KINDS, *PORTS, WITH_EFFECT], 1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return UsageWrong(
        f"the fault {text!r} cannot be read",
        why=why,
        mend=f"{hint}Write it like 'storage GET *.parquet reset:1000 x2'; the faults are "
        f"{', '.join(KINDS)}",
    )
