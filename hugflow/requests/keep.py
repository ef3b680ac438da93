"""Which rows a dataset keeps: the small language of the field `keep`.

    snr > 15 and clipped < 0.001 and duration between 1 and 30
    speaker in ("ann", "bob") or not (script = "Latin")

    expression  tests joined by `and`, `or`, `not` and parentheses
    test        NAME OP VALUE | NAME between NUMBER and NUMBER | NAME [not] in (VALUE, ...)
    OP          = == != < <= > >=
    VALUE       a number, a text in ' or ", true or false
    NAME        letters, digits, _ and dots; any other name in backticks

A test of null, or of a value of another type than VALUE, is false. The text is parsed into a tree
and never evaluated as code.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

from hugflow.late_dataclass import dataclass

Value: TypeAlias = bool | int | float | str

MAX_CHARACTERS: Final = 2_000
_MAX_DEPTH: Final = 32
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.]))
    |(?P<text>"[^"\\\n]*"|'[^'\\\n]*')
    |(?P<quoted>`[^`\n]+`)
    |(?P<word>[^\W\d]\w*(?:\.\w+)*)
    |(?P<sign><=|>=|==|!=|[=<>(),]))""",
    re.VERBOSE,
)
_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_WORDS: Final = frozenset({"and", "or", "not", "in", "between", "true", "false"})


class KeepInvalid(ValueError):
    """An expression that cannot be read. place: of the first character that does not fit."""

    def __init__(self, message: str, place: int) -> None:
        """Say what was expected, and where."""
        super().__init__(f"{message} at character {place + 1}")


@dataclass(frozen=True, slots=True)
class Test:
    """A comparison of one field with a value."""

    name: str
    sign: str
    value: Value

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether a row passes."""
        found = row.get(self.name)
        value = _beside(found, self.value)
        return _is_like(found, value) and bool(_OPERATORS[self.sign](found, value))


@dataclass(frozen=True, slots=True)
class OneOf:
    """A test whether a field has one of some values; is_in: or has none of them."""

    name: str
    values: tuple[Value, ...]
    is_in: bool = True

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether a row passes."""
        found = row.get(self.name)
        alike = [_beside(found, value) for value in self.values if _is_like(found, value)]
        return bool(alike) and (found in alike) is self.is_in


@dataclass(frozen=True, slots=True)
class Joined:
    """Several expressions of which all, or any, must hold."""

    parts: tuple["Expression", ...]
    is_all: bool

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether a row passes."""
        found = (part.holds(row) for part in self.parts)
        return all(found) if self.is_all else any(found)


@dataclass(frozen=True, slots=True)
class Not:
    """An expression that must not hold."""

    part: "Expression"

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether a row passes."""
        return not self.part.holds(row)


Expression: TypeAlias = Test | OneOf | Joined | Not


def parse_keep(text: str) -> Expression:
    """The expression of a text; raises KeepInvalid."""
    if len(text) > MAX_CHARACTERS:
        raise KeepInvalid(f"more than {MAX_CHARACTERS:,} characters", MAX_CHARACTERS)
    parser = _Parser(list(_tokens(text)), len(text))
    expression = parser.read_any(0)
    if parser.kind:
        raise KeepInvalid("expected `and`, `or` or the end", parser.place)
    return expression


def names_in(expression: Expression) -> list[str]:
    """The fields that an expression names, each once, in order."""
    match expression:
        case Test() | OneOf():
            return [expression.name]
        case Not(part):
            return names_in(part)
        case Joined(parts):
            return list(dict.fromkeys(name for part in parts for name in names_in(part)))


def tests_in(expression: Expression) -> Iterator[tuple[str, Value]]:
    """Each field with each value that an expression compares it with, in order."""
    match expression:
        case Test(name, _, value):
            yield name, value
        case OneOf(name, values):
            yield from ((name, value) for value in values)
        case Not(part):
            yield from tests_in(part)
        case Joined(parts):
            for part in parts:
                yield from tests_in(part)


def _is_like(found: Any, value: Value) -> bool:
    """Whether both are truth values, or both numbers, or both texts."""
    if isinstance(found, bool) or isinstance(value, bool):
        return isinstance(found, bool) and isinstance(value, bool)
    if isinstance(value, str):
        return isinstance(found, str)
    return isinstance(found, int | float | Decimal)


def _beside(found: Any, value: Any) -> Any:
    """What to compare with: beside a decimal the number as it was written, which a float is not."""
    if isinstance(found, Decimal) and isinstance(value, float):
        return Decimal(repr(value))
    return value


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    place: int


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while text[place:].strip():
        found = _TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            start = place + len(text[place:]) - len(text[place:].lstrip())
            raise KeepInvalid(f"unexpected {text[start : start + 10]!r}", start)
        yield _Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup))
        place = found.end()


@dataclass(slots=True)
class _Parser:
    """Reads tokens from left to right; `or` binds least, then `and`, then `not`."""

    tokens: list[_Token]
    end: int
    at: int = 0

    @property
    def kind(self) -> str:
        return self.tokens[self.at].kind if self.at < len(self.tokens) else ""

    @property
    def text(self) -> str:
        return self.tokens[self.at].text if self.at < len(self.tokens) else ""

    @property
    def place(self) -> int:
        return self.tokens[self.at].place if self.at < len(self.tokens) else self.end

    def read_any(self, depth: int) -> Expression:
        parts = [self.read_all(depth)]
        while self._takes_word("or"):
            parts.append(self.read_all(depth))
        return parts[0] if len(parts) == 1 else Joined(tuple(parts), is_all=False)

    def read_all(self, depth: int) -> Expression:
        parts = [self.read_one(depth)]
        while self._takes_word("and"):
            parts.append(self.read_one(depth))
        return parts[0] if len(parts) == 1 else Joined(tuple(parts), is_all=True)

    def read_one(self, depth: int) -> Expression:
        if depth > _MAX_DEPTH:
            raise KeepInvalid("too many parentheses", self.place)
        if self._takes_word("not"):
            return Not(self.read_one(depth + 1))
        if self._takes_sign("("):
            inner = self.read_any(depth + 1)
            self._need_sign(")")
            return inner
        return self._read_test()

    def _read_test(self) -> Expression:
        name = self._read_name()
        if self._takes_word("between"):
            low = self._read_number()
            if not self._takes_word("and"):
                raise KeepInvalid("expected `and` and the upper limit", self.place)
            limits = Test(name, ">=", low), Test(name, "<=", self._read_number())
            return Joined(limits, is_all=True)
        is_not = self._takes_word("not")
        if self._takes_word("in"):
            self._need_sign("(")
            values = [self._read_value()]
            while self._takes_sign(","):
                values.append(self._read_value())
            self._need_sign(")")
            return OneOf(name, tuple(values), is_in=not is_not)
        if is_not or self.kind != "sign" or self.text not in _OPERATORS:
            raise KeepInvalid("expected one of = != < <= > >= between in", self.place)
        sign = self._take().text
        return Test(name, sign, self._read_value())

    def _read_name(self) -> str:
        if self.kind == "quoted":
            return self._take().text[1:-1]
        if self.kind == "word" and self.text.lower() not in _WORDS:
            return self._take().text
        raise KeepInvalid("expected the name of a field", self.place)

    def _read_value(self) -> Value:
        if self.kind == "text":
            return self._take().text[1:-1]
        if self.kind == "word" and self.text.lower() in ("true", "false"):
            return self._take().text.lower() == "true"
        return self._read_number()

    def _read_number(self) -> int | float:
        if self.kind != "number":
            raise KeepInvalid("expected a number, or a text in quotes", self.place)
        text = self._take().text
        return int(text) if re.fullmatch(r"[+-]?[0-9]+", text) else float(text)

    def _take(self) -> _Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def _takes_word(self, word: str) -> bool:
        if self.kind == "word" and self.text.lower() == word:
            self.at += 1
            return True
        return False

    def _takes_sign(self, sign: str) -> bool:
        if self.kind == "sign" and self.text == sign:
            self.at += 1
            return True
        return False

    def _need_sign(self, sign: str) -> None:
        if not self._takes_sign(sign):
            raise KeepInvalid(f"expected {sign}", self.place)
