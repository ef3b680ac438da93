"""Late dataclasses: in all that a program sees of them, those of the standard library."""

import copy
import dataclasses
import inspect
import pickle
from dataclasses import FrozenInstanceError, field
from typing import Any, ClassVar

import pytest
from pydantic import TypeAdapter

from hugflow import late_dataclass


def make(dataclass: Any) -> dict[str, Any]:
    """The same classes by one decorator or the other."""

    @dataclass(frozen=True, slots=True)
    class Point:
        """A point."""

        x: int
        y: int = 0
        tags: list[str] = field(default_factory=list, compare=False, repr=False)
        kind: ClassVar[str] = "point"

        def moved(self, by: int) -> Any:
            return dataclasses.replace(self, x=self.x + by)

    @dataclass(slots=True)
    class Counter:
        count: int = 0
        twice: int = field(init=False)
        notes: list[str] = field(default_factory=list, init=False)
        limit: int = field(default=9, init=False)

        def __post_init__(self) -> None:
            self.twice = 2 * self.count

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Named:
        name: str

        def __eq__(self, other: object) -> bool:
            return isinstance(other, type(self)) and self.name.lower() == other.name.lower()

    @dataclass(slots=True, eq=False)
    class Same:
        name: str

    @dataclass
    class Plain:
        name: str

        def __repr__(self) -> str:
            return "plain"

    @dataclass(frozen=True, slots=True, order=True)
    class Ordered:
        at: int

    class Derived(Point):
        pass

    @dataclass(frozen=True, slots=True)
    class Wider(Point):
        z: int = 1

    found = locals()
    return {name: each for name, each in found.items() if isinstance(each, type)}


OURS, THEIRS = make(late_dataclass.dataclass), make(dataclasses.dataclass)


def outcome(classes: dict[str, Any], code: str) -> str:
    try:
        return str(eval(code, dict(classes)))  # noqa: S307  # of this file
    except Exception as error:  # noqa: BLE001  # compared
        return f"{type(error).__name__}: {error}".replace("twin", "")


@pytest.mark.parametrize(
    "code",
    [
        "Point(1, 2), Point(x=1), Point(1).tags",
        "Point()",
        "Point(1, 2, [], 4)",
        "Point(1) == Point(1, tags=['a']), Point(1) == Point(2), Point(1) != Counter(1)",
        "Point(1) == Derived(1), Derived(1) == Derived(1), Derived(1)",
        "len({Point(1), Point(1), Point(2)})",
        "hash(Counter())",
        "Counter(2).twice, Counter().limit, Counter().notes, Counter(2) == Counter(2), Counter(3)",
        "Named('a')",
        "Named(name='a') == Named(name='A'), Named(name='a'), {Named(name='a')}",
        "Same('a') == Same('a'), isinstance(hash(Same('a')), int)",
        "Plain('a') == Plain('a'), Plain('a'), vars(Plain('a'))",
        "sorted([Ordered(2), Ordered(1)]), Ordered(1) < Ordered(2)",
        "Wider(1, 2), Wider(1) == Wider(1), Wider(1) == Point(1)",
        "Point(1).moved(2), Point.__match_args__, Named.__match_args__, Point.__slots__",
        "Point.__doc__",
        "setattr(Point(1), 'x', 3)",
        "setattr(Counter(1), 'other', 3)",
        "delattr(Point(1), 'x')",
    ],
)
def test_a_late_class_does_what_the_standard_librarys_does(code: str):
    assert outcome(OURS, code) == outcome(THEIRS, code)


@pytest.mark.parametrize("name", OURS)
def test_its_fields_and_arguments_are_the_same(name: str):
    ours, theirs = OURS[name], THEIRS[name]
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))
    assert [(f.name, f.type, f.init) for f in dataclasses.fields(ours)] == [
        (f.name, f.type, f.init) for f in dataclasses.fields(theirs)
    ]


@late_dataclass.dataclass(frozen=True, slots=True)
class Sent:
    """Of this module, so that it can be pickled."""

    a: int
    b: "tuple[Sent, ...]" = ()


def test_a_frozen_one_can_be_pickled_and_copied():
    sent = Sent(1, (Sent(2),))
    assert pickle.loads(pickle.dumps(sent)) == copy.deepcopy(sent) == copy.copy(sent) == sent  # noqa: S301
    assert dataclasses.asdict(sent) == {"a": 1, "b": ({"a": 2, "b": ()},)}
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'a'"):
        copy.copy(sent).a = 3  # type: ignore[misc]  # refused


def test_pydantic_reads_one():
    assert TypeAdapter(Sent).validate_python({"a": 1, "b": [{"a": 2}]}) == Sent(1, (Sent(2),))


def test_methods_are_written_when_they_are_used():
    made: Any = make(late_dataclass.dataclass)["Point"]
    assert not any(inspect.isfunction(vars(made)[name]) for name in ("__init__", "__eq__"))
    made(1)
    assert inspect.isfunction(vars(made)["__init__"])
    assert not inspect.isfunction(vars(made)["__eq__"])
