"""What the commands of served flows are given, checked before anything is asked or changed."""

import base64
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from hugflow.errors import UsageWrong

EXAMPLE = "hugflow flows call reverse '{\"number\": 1234}'"


def _check(value: str | None) -> str | None:
    """Refuse a name that no endpoint, user, dispatch point or message can have."""
    return value if value is None else _check_name(value)


def _check_all(values: list[str] | None) -> list[str] | None:
    return [_check_name(each) for each in values] if values is not None else None


Endpoint = Annotated[
    str,
    typer.Argument(metavar="ENDPOINT", help="The name it is served under.", callback=_check),
]
UserName = Annotated[
    str, typer.Argument(metavar="NAME", help="A name for the user.", callback=_check)
]
DispatchPoint = Annotated[
    str,
    typer.Option(
        "--dispatch-point", help="Which workers run it.", show_default=True, callback=_check
    ),
]
DispatchPoints = Annotated[
    list[str] | None,
    typer.Option(
        "--dispatch-point", help="Which messages to run; may be repeated.", callback=_check_all
    ),
]
CalledEndpoint = Annotated[
    str | None,
    typer.Argument(metavar="ENDPOINT", help="The name it is served under.", callback=_check),
]
MessageId = Annotated[
    str | None,
    typer.Option("--message", metavar="ID", help="Ask for an earlier message.", callback=_check),
]


def find_endpoint_and_class(first: str, second: str) -> tuple[str, str]:
    """The endpoint and the class of two words in either order: only a class has a dot."""
    is_class_first = "." in first and "." not in second
    endpoint, flow = (second, first) if is_class_first else (first, second)
    if "." not in flow:
        raise UsageWrong(
            f"neither {first[:80]} nor {second[:80]} is a class",
            why="a class is the dotted path of a flow in this project or a synced module",
            mend="hugflow flows serve clean my_flows.Clean",
        )
    return _check_name(endpoint), flow


def read_message(words: str | None, option: str | None) -> dict[str, Any]:
    """The message that is given as an argument, or by --data. Raises UsageWrong."""
    if words is not None and option is not None:
        raise UsageWrong(
            "the message is given twice",
            why="--data and the second argument are two ways to say it",
            mend=f"leave one out: {EXAMPLE}",
        )
    text = words if words is not None else option
    if text is None:
        return {}
    from hugflow.serving import wire

    why = "a message maps names to values"
    try:
        found = wire.decode(text.encode())
    except ValueError as error:
        found, why = None, str(error)
    if not isinstance(found, dict):
        raise UsageWrong("the message is no JSON mapping", why=why, mend=EXAMPLE)
    return found


def plain_reply(value: Any) -> Any:
    """A reply as JSON has it: bytes become `{"base64": "..."}`."""
    if isinstance(value, bytes | bytearray | memoryview):
        return {"base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, Mapping):
        return {key: plain_reply(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain_reply(each) for each in value]
    return value


def _check_name(name: str) -> str:
    from hugflow.serving.subjects import is_name

    if not is_name(name):
        raise UsageWrong(
            f"{name[:80]!r} cannot be a name here",
            why="names of endpoints, users and dispatch points, and ids of messages, are 1 to 64 "
            "letters, digits, _ and - of ASCII",
            mend="check it, or choose another",
        )
    return name
