"""Dataclasses whose methods are written when they are first used.

    from hugflow.late_dataclass import dataclass

    @dataclass(frozen=True, slots=True)
    class Shard: ...

The standard library compiles up to six methods of each class while its module is imported, which was
half of the time that the import of our modules took. A command uses few methods of the classes that
it imports. In all else the classes are as `dataclasses` makes them: fields, arguments, equality,
hash, `replace`, `asdict`, pickling. It makes those with `order` or with a dataclass as a base itself.
"""

import dataclasses
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls: type | None = None, /, **options: bool) -> Any:
        """As `dataclasses.dataclass`, for its options `frozen`, `slots`, `eq`, `order`, `kw_only`."""
        return _make(cls, options) if cls is not None else lambda cls: _make(cls, options)


class _Factory:
    """The default of an argument whose value a factory makes."""

    def __repr__(self) -> str:
        return "<factory>"


_FIELDS: Final = "__dataclass_fields__"
_FACTORY: Final = _Factory()


def _make(cls: type, options: dict[str, bool]) -> Any:
    if options.get("order") or any(hasattr(base, _FIELDS) for base in cls.__bases__):
        return dataclasses.dataclass(**options)(cls)
    own = dict(vars(cls))
    is_frozen, has_eq = options.get("frozen", False), options.get("eq", True)
    is_slotted = options.get("slots", False)
    if cls.__doc__ is None:
        # Else the standard library asks for the arguments of `__init__`, which has none yet.
        cls.__doc__ = cls.__name__
    without = {"frozen": False, "init": False, "repr": False, "eq": False}
    made: Any = dataclasses.dataclass(**options | without)(cls)
    made.__dataclass_params__.frozen = is_frozen
    late = ["__init__", "__repr__", *["__eq__"] * has_eq, *["__hash__"] * (has_eq and is_frozen)]
    for name in late:
        # Python gives a class with an `__eq__` of its own None for `__hash__`.
        if own.get(name) is None:
            setattr(made, name, _Late(made, name, is_slotted=is_slotted))
    if has_eq and not is_frozen and "__hash__" not in own:
        made.__hash__ = None
    if is_frozen:
        made.__setattr__ = made.__delattr__ = _refuse
    if is_frozen and is_slotted:
        made.__getstate__, made.__setstate__ = _get_state, _set_state
    return made


class _Late:
    """A method that is written when it is looked up."""

    def __init__(self, made: Any, name: str, *, is_slotted: bool) -> None:
        self._made = made
        self._name = name
        self._is_slotted = is_slotted

    def __get__(self, instance: object, owner: type) -> Any:
        made, name = self._made, self._name
        is_init = name == "__init__"
        method = _write_init(made, self._is_slotted) if is_init else _write(made, name)
        setattr(made, name, method)
        return getattr(owner if instance is None else instance, name)


def _write(made: Any, name: str) -> Any:
    """A method as the standard library writes it, for a class with the same fields."""
    names = {"__module__": made.__module__, "__qualname__": made.__qualname__}
    twin: Any = type(made)(made.__name__, (made,), names)
    is_repr, is_frozen = name == "__repr__", made.__dataclass_params__.frozen
    decorate = dataclasses.dataclass(init=False, repr=is_repr, eq=not is_repr, frozen=is_frozen)
    return vars(decorate(twin))[name]


def _write_init(made: Any, is_slotted: bool) -> Any:
    """`__init__`, in a quarter of the standard library's time; most classes need nothing else."""
    names: dict[str, Any] = {"__set": object.__setattr__, "__factory": _FACTORY}
    given = [each for each in fields(made) if each.init]
    keywords = [_argument(each) for each in given if each.kw_only]
    arguments = ["self", *(_argument(each) for each in given if not each.kw_only)]
    arguments += ["*", *keywords] if keywords else []
    assign = "__set(self,'{}',{})" if made.__dataclass_params__.frozen else "self.{}={}"
    body = []
    for each in fields(made):
        has_factory = each.default_factory is not MISSING
        names[f"__default_{each.name}"] = each.default_factory if has_factory else each.default
        # The default of a class without slots is an attribute of the class.
        if each.init or has_factory or (is_slotted and each.default is not MISSING):
            body.append(assign.format(each.name, _value(each)))
    if hasattr(made, "__post_init__"):
        body.append("self.__post_init__()")
    lines = "\n ".join([f"def __init__({','.join(arguments)}):", *body, "return None"])
    exec(lines, names)  # noqa: S102  # made of the names of fields, as in the standard library
    init = names["__init__"]
    init.__module__, init.__qualname__ = made.__module__, f"{made.__qualname__}.__init__"
    init.__annotations__ = {each.name: each.type for each in given} | {"return": None}
    return init


def _argument(each: "Field[Any]") -> str:
    if each.default_factory is not MISSING:
        return f"{each.name}=__factory"
    return each.name if each.default is MISSING else f"{each.name}=__default_{each.name}"


def _value(each: "Field[Any]") -> str:
    has_factory = each.default_factory is not MISSING
    made = f"__default_{each.name}" + "()" * has_factory
    if not each.init:
        return made
    return f"{made} if {each.name} is __factory else {each.name}" if has_factory else each.name


def _refuse(self: object, name: str, *value: object) -> None:
    raise FrozenInstanceError(f"cannot {'assign to' if value else 'delete'} field {name!r}")


def _get_state(self: Any) -> list[Any]:
    """For pickling, which otherwise would assign to fields."""
    return [getattr(self, each.name) for each in fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for each, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)
