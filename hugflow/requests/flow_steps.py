"""The steps of a request's `flows:`, as people write them.

    flows:
      - name: clean                       names its folder and its line in the manifest
        use: alice/TextTools:v1.2         a flow module of the Hub, with its revision; none for a
                                          class of the project's own
        flow: NormaliseText               the class; without `use` its whole path, my_flows.Clean
        config: {lower: true}             on top of the class's own
        rows: {in: [text], out: [text_norm]}     fields it is given, and fields that are kept of it
        batch: 32                         rows at once, for a class with a `run_batch` of its own
        timeout_s: 60                     a row

A step that somebody serves names its endpoint in the place of the class:

      - name: recognise
        user: gpu_team                    who serves it: an id, or a name of hugflow.yaml; none: us
        endpoint: asr
        rows: {in: [audio], out: [heard]}
        attach: [audio]                   clips whose bytes are sent; without it the path of the MP3
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field
from typing import Any

from hugflow.late_dataclass import dataclass
from hugflow.requests.code_keys import find_code_keys
from hugflow.requests.grammar import FieldInvalid, at, column, refuse_unknown_keys
from hugflow.requests.grammar import revision as check_revision

MAX_STEPS = 20
MAX_FIELDS = 64
MAX_BATCH = 1024
MAX_TIMEOUT_S = 86_400
DEFAULT_TIMEOUT_S = 60.0
DEFAULT_REVISION = "main"
KEYS = ("name", "use", "flow", "config", "rows", "batch", "timeout_s", "user", "endpoint", "attach")
ROW_KEYS = ("in", "out")
SERVED_KEYS = ("user", "endpoint", "attach")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_USE = re.compile(rf"{_PART}/{_PART}")
_ENDPOINT = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CLASS = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}(?:\.[A-Za-z_][A-Za-z0-9_]{0,99}){0,9}")


@dataclass(frozen=True, slots=True)
class FlowStep:
    """One step.

    use, revision: the flow module and its revision; None for a class of the project itself.
    reads, gives: names of fields.
    batch: rows in one call; None: one row.
    timeout_s: limit for one row.
    user, endpoint: of a served flow; `flow` is then `flows:<endpoint>`. attach: fields whose clips
    are sent to it.
    """

    name: str
    flow: str
    use: str | None = None
    revision: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    batch: int | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    user: str | None = None
    endpoint: str | None = None
    attach: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """All fields; those of served flows only where it is one, as digests of others are old."""
        found = asdict(self)
        return {k: v for k, v in found.items() if k not in SERVED_KEYS or self.endpoint is not None}


def flow_steps(value: object) -> tuple[FlowStep, ...]:
    """Read `flows:`. Raises FieldInvalid, naming the step."""
    if isinstance(value, tuple) and all(isinstance(step, FlowStep) for step in value):
        return value
    if not isinstance(value, list):
        raise FieldInvalid("is not a list of steps", mend="write each step after a dash")
    if len(value) > MAX_STEPS:
        raise FieldInvalid(f"has more than {MAX_STEPS} steps", mend="join some of them in one flow")
    steps: list[FlowStep] = []
    for number, written in enumerate(value, 1):
        with at(number - 1):
            step = _read_step(written, f"step {number}")
            _refuse_clash(step, steps, number)
        steps.append(step)
    return tuple(steps)


def _refuse_clash(step: FlowStep, earlier: Sequence[FlowStep], number: int) -> None:
    """Refuse a name that an earlier step has, and a second revision of its module."""
    for other in earlier:
        if step.name == other.name:
            raise FieldInvalid(
                f"step {number} has the name of an earlier step", mend="give each a name of its own"
            )
        if step.use is not None and step.use == other.use and step.revision != other.revision:
            raise FieldInvalid(
                f"step {step.name!r} uses {step.use}:{step.revision}, and step {other.name!r} "
                f"uses {other.use}:{other.revision}: only one revision of a module is kept",
                mend="name one revision in both steps",
            )


def _read_step(written: object, what: str) -> FlowStep:
    if not isinstance(written, dict):
        raise FieldInvalid(f"{what} is not a mapping", mend="write name, flow and rows into it")
    refuse_unknown_keys(written, KEYS, f"{what} ")
    name = _text(written, "name", _NAME, what, "small letters, digits and _")
    what = f"step {name!r}"
    flow, use, revision = (
        _read_served(written, what) if "endpoint" in written else _read_class(written, what)
    )
    config = written.get("config") or {}
    if not isinstance(config, dict) or not _is_plain(config):
        raise FieldInvalid(
            f"{what}: config is not a mapping of plain values", mend="write key: value"
        )
    _refuse_code(config, what)
    rows = written.get("rows") or {}
    if not isinstance(rows, dict):
        raise FieldInvalid(
            f"{what}: rows is not a mapping with in and out", mend="rows: {in: [text]}"
        )
    with at("rows"):
        refuse_unknown_keys(rows, ROW_KEYS, f"{what}: rows ")
    gives = _fields(rows.get("out"), f"{what}: rows out")
    if "dropped" in gives:
        raise FieldInvalid(
            f"{what}: no field can be called dropped",
            mend="that marks rows which a step leaves out",
        )
    if "_type" in gives:
        raise FieldInvalid(
            f"{what}: no field can be called _type", mend="`datasets` marks features by that name"
        )
    reads = _fields(rows.get("in"), f"{what}: rows in")
    attach = _fields(written.get("attach"), f"{what}: attach")
    if set(attach) - set(reads):
        raise FieldInvalid(
            f"{what}: attach names what is not in rows in", mend="rows: {in: [audio]}"
        )
    return FlowStep(
        name=name,
        flow=flow,
        use=use,
        revision=revision,
        config=config,
        reads=reads,
        gives=gives,
        batch=_count(written.get("batch"), f"{what}: batch", MAX_BATCH),
        timeout_s=_seconds(written.get("timeout_s"), f"{what}: timeout_s"),
        user=written.get("user"),
        endpoint=written.get("endpoint"),
        attach=attach,
    )


def _refuse_code(config: dict[str, Any], what: str) -> None:
    for path in find_code_keys(config):
        raise FieldInvalid(
            f"{what}: config.{path} cannot be set: it names the code that runs",
            mend="leave it out, or write a flow of your own and name it with `flow`",
        )


def _read_class(written: dict[str, Any], what: str) -> tuple[str, str | None, str | None]:
    """The class of a step that runs here, and its module with its revision."""
    for key in ("user", "attach"):
        if key in written:
            raise FieldInvalid(
                f"{what} has {key}, and no endpoint", mend="name the endpoint that serves it"
            )
    flow = _text(written, "flow", _CLASS, what, "the name of a class")
    use, revision = _read_use(written, what)
    if use is None and "." not in flow:
        raise FieldInvalid(
            f"{what} names the class {flow} without its module",
            mend="name a module of the Hub with `use`, or write package.module.Class",
        )
    return flow, use, revision


def _read_served(written: dict[str, Any], what: str) -> tuple[str, None, None]:
    """The endpoint of a step that somebody serves."""
    for key in ("flow", "use"):
        if key in written:
            raise FieldInvalid(
                f"{what} has both {key} and endpoint", mend="a step runs here, or is served"
            )
    endpoint = _text(written, "endpoint", _ENDPOINT, what, "letters, digits, _ and -")
    if "user" in written:
        _text(written, "user", _ENDPOINT, what, "an id, or a name of hugflow.yaml")
    return f"flows:{endpoint}", None, None


def _read_use(written: dict[str, Any], what: str) -> tuple[str | None, str | None]:
    use = written.get("use")
    if use is None:
        return None, None
    repo, colon, revision = use.partition(":") if isinstance(use, str) else ("", "", "")
    if not _USE.fullmatch(repo):
        raise FieldInvalid(
            f"{what}: use is no flow module", mend='write "user/repo" or "user/repo:revision"'
        )
    return repo, check_revision(revision) if colon else DEFAULT_REVISION


def _text(written: dict[str, Any], key: str, form: re.Pattern[str], what: str, mend: str) -> str:
    value = written.get(key)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise FieldInvalid(
            f"{what} has no {key}" if value is None else f"{what}: {key} cannot be that",
            mend=f"write {key}: with {mend}",
        )
    return value


def _fields(value: object, what: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if (
        not isinstance(value, list)
        or len(value) > MAX_FIELDS
        or len(set(map(str, value))) != len(value)
    ):
        raise FieldInvalid(
            f"{what} is not a list of names, each once", mend="write [text, speaker]"
        )
    return tuple(column(name) if isinstance(name, str) else _no_name(what) for name in value)


def _no_name(what: str) -> str:
    raise FieldInvalid(f"{what} holds what is no name", mend="put each name in quotes")


def _count(value: object, what: str, most: int) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= most:
        raise FieldInvalid(f"{what} is no count from 1 to {most:,}", mend="write a whole number")
    return value


def _seconds(value: object, what: str) -> float:
    if value is None:
        return DEFAULT_TIMEOUT_S
    if type(value) not in (int, float) or not 0 < float(str(value)) <= MAX_TIMEOUT_S:
        raise FieldInvalid(f"{what} is no number of seconds", mend=f"write 1 to {MAX_TIMEOUT_S:,}")
    return float(str(value))


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(each) for key, each in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float | bool)
