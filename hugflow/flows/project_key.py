"""`flows:` in the project file: whose code may run, and who serves it.

flows:
allow: ["alice/TextTools@<commit of 40 hex digits>", "ourorg/*"]
allow_local: false               whether modules that are linked local folders may run
allow_parents: [org]             parents whose allow lists count too
server: nats://gpu-team:4222     the server of served flows; without it this project's own
tls_ca: certs/ca.pem             who signed the certificate of a server at tls://; without it, those
                                 whom this machine trusts
tls_cert: certs/server.pem       the certificate of this project's own server, and its key
tls_key: certs/server.key
user_seed: ~/.config/me.seed     this project's user; without it one that is made here
users: {gpu_team: UDXU...}       names for the ids of users
serve:                           what the worker of this project serves
- {flow: my_flows.Clean, endpoint: clean, singleton: true, allow: [gpu_team]}
- {flow: my_flows.Mark, endpoint: mark, parallel_dispatch: true, dispatch_point: cpu, allow: ["*"]}
"""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from hugflow.errors import FlowModuleIdInvalid, SettingInvalid
from hugflow.flows.trust import Allowed, Trust, parse_allowed
from hugflow.late_dataclass import dataclass
from hugflow.nearest import nearest_name
from hugflow.project_file import ProjectFile
from hugflow.show_key import show_key

KEY = "flows"
# What pydantic finds, in words for people who write YAML.
_WORDS = {
    "missing": "is missing",
    "bool_type": "is neither true nor false",
    "string_type": "is not a text",
    "tuple_type": "is not a list",
    "dict_type": "is not a mapping of keys to values",
    "model_type": "is not a mapping of keys to values",
}
# In `allow`: every user whom the server knows.
EVERYONE = "*"


@dataclass(frozen=True, slots=True)
class ServeEntry:
    """One endpoint that the project file declares.

    allow: ids of users, and names that the project file does not know; None for everyone.
    """

    flow: str
    endpoint: str
    dispatch_point: str = "coflows_dispatch"
    parallel: bool = False
    singleton: bool = False
    allow: tuple[str, ...] | None = None
    allow_subflow_overrides: bool = False


@dataclass(frozen=True, slots=True)
class ServingConfig:
    """What the project file says of served flows. users: ids by name."""

    server: str | None = None
    user_seed: str | None = None
    users: Mapping[str, str] = field(default_factory=dict)
    serve: tuple[ServeEntry, ...] = ()
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None

    def id_of(self, user: str) -> str:
        """The id that a name or an id means."""
        return self.users.get(user, user)

    def ids_of(self, allow: Sequence[str] | None) -> tuple[str, ...] | None:
        """The ids of those who are allowed; None for everyone."""
        if allow is None or EVERYONE in allow:
            return None
        return tuple(map(self.id_of, allow))


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    flow: str
    endpoint: str
    dispatch_point: str = "coflows_dispatch"
    # Two names of one setting: `parallel` is what the command calls it.
    parallel: bool = False
    parallel_dispatch: bool = False
    singleton: bool = False
    allow: Annotated[tuple[str, ...] | None, Field(strict=False)] = None
    allow_subflow_overrides: bool = False


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    allow: Annotated[tuple[str, ...], Field(strict=False, max_length=1_000)] = ()
    allow_local: bool = False
    allow_parents: Annotated[tuple[str, ...], Field(strict=False, max_length=100)] = ()
    server: str | None = None
    user_seed: str | None = None
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    users: dict[str, str] = Field(default_factory=dict)
    serve: Annotated[tuple[_Entry, ...], Field(strict=False, max_length=1_000)] = ()


def trust_of(file: ProjectFile) -> Trust:
    """The project file's own allow list. Raises SettingInvalid with file and line."""
    section = _read(file)
    return Trust(_parse_entries(file, section.allow), section.allow_local)


def allow_parents_of(file: ProjectFile) -> tuple[str, ...]:
    """The parents whose allow lists count too. Raises SettingInvalid for one that is not there."""
    return _known_parents(file, _read(file).allow_parents)


def inheritable_of(file: ProjectFile) -> tuple[tuple[Allowed, ...], tuple[str, ...]]:
    """The entries in a parent's file, and the parents of its own whose lists count.

    Nothing else below its `flows:` is read. Raises SettingInvalid with file and line.
    """
    node = file.nodes.get(KEY)
    value = node.plain if node is not None else None
    if not isinstance(value, dict):
        return (), ()
    lists: list[list[str]] = []
    for key in ("allow", "allow_parents"):
        found = value.get(key) or []
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            line = file.nodes[KEY].line_of((key,))
            raise _invalid(file, line, f"flows: {key}: is no list of texts", 'write ["user/repo"]')
        lists.append(found)
    allow, parents = lists
    return _parse_entries(file, allow), _known_parents(file, parents)


def serving_of(file: ProjectFile) -> ServingConfig:
    """What a project file says of served flows. Raises SettingInvalid with file and line."""
    section = _read(file)
    if section.server is not None and "@" in section.server:
        raise _invalid(
            file,
            file.nodes[KEY].line_of(("server",)),
            "flows: server: names a user, a password or a token",
            "write host and port alone: nats://gpu-team:4222",
            why="the address is shown to everybody; a user is known by `user_seed`",
        )
    config = ServingConfig(
        section.server,
        section.user_seed,
        section.users,
        tls_ca=section.tls_ca,
        tls_cert=section.tls_cert,
        tls_key=section.tls_key,
    )
    return replace(config, serve=tuple(_to_entry(each, config) for each in section.serve))


def _parse_entries(file: ProjectFile, entries: Sequence[str]) -> tuple[Allowed, ...]:
    allowed = []
    for number, entry in enumerate(entries):
        try:
            allowed.append(parse_allowed(entry))
        except FlowModuleIdInvalid as error:
            line = file.nodes[KEY].line_of(("allow", number))
            raise _invalid(file, line, error.what, error.mend, error.why) from error
    return tuple(allowed)


def _known_parents(file: ProjectFile, names: Sequence[str]) -> tuple[str, ...]:
    node = file.nodes.get("parents")
    parents = node.value if node is not None and isinstance(node.value, Mapping) else {}
    for number, name in enumerate(names):
        if name not in parents:
            near = nearest_name(name, parents)
            raise _invalid(
                file,
                file.nodes[KEY].line_of(("allow_parents", number)),
                f"flows: allow_parents: there is no parent {show_key(name)}",
                f"did you mean {near}?" if near else "name one of `parents:`, or delete the entry",
            )
    return tuple(names)


def _to_entry(entry: _Entry, config: ServingConfig) -> ServeEntry:
    return ServeEntry(
        entry.flow,
        entry.endpoint,
        entry.dispatch_point,
        entry.parallel or entry.parallel_dispatch,
        entry.singleton,
        config.ids_of(entry.allow),
        entry.allow_subflow_overrides,
    )


def _read(file: ProjectFile) -> _Section:
    node = file.nodes.get(KEY)
    if node is None or node.value is None:
        return _Section()
    value = node.plain
    if not isinstance(value, dict):
        raise _invalid(file, node.line, "flows is not a mapping", "write `allow: [...]` below it")
    try:
        return _Section.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        what, mend = _explain(first)
        raise _invalid(file, node.line_of(first["loc"]), what, mend) from None


def _explain(first: ErrorDetails) -> tuple[str, str]:
    """What is wrong below `flows:`, and what to do."""
    path = [KEY, *(each if isinstance(each, int) else show_key(str(each)) for each in first["loc"])]
    known = _Entry.model_fields if first["loc"][0] == "serve" else _Section.model_fields
    if first["type"] != "extra_forbidden":
        return f"{_join(path)} {_WORDS.get(first['type'], first['msg'])}", "correct this value"
    wrong = str(first["loc"][-1])
    near = nearest_name(wrong, known)
    mend = f"did you mean {near}?" if near else f"the keys are {', '.join(known)}"
    return f"{_join(path[:-1])}: {show_key(wrong)} is an unknown key", mend


def _join(path: Sequence[str | int]) -> str:
    """`flows: serve: 2` for the second entry."""
    return ": ".join(str(each + 1 if isinstance(each, int) else each) for each in path)


def _invalid(
    file: ProjectFile, line: int, what: str, mend: str, why: str = "it is unknown what may run"
) -> SettingInvalid:
    return SettingInvalid(f"{file.shown_name}:{line}: {what}", why=why, mend=mend)
