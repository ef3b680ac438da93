"""`flows:` in the project file: whose code may run, and later who serves it.

    flows:
      allow: ["alice/TextTools@<commit of 40 hex digits>", "ourorg/*"]
      allow_local: false               whether modules that are linked local folders may run

`server user_seed users serve` are known, and not used by this version.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hugflow.errors import FlowModuleIdInvalid, SettingInvalid
from hugflow.flows.trust import Trust, parse_allowed
from hugflow.nearest import nearest_name
from hugflow.project_file import ProjectFile
from hugflow.show_key import show_key

KEY = "flows"
_LATER = ("server", "user_seed", "users", "serve")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    allow: Annotated[tuple[str, ...], Field(strict=False, max_length=1_000)] = ()
    allow_local: bool = False
    server: Any = None
    user_seed: Any = None
    users: Any = None
    serve: Any = None


def trust_of(file: ProjectFile) -> Trust:
    """The allow list of a project file. Raises SettingInvalid with file and line."""
    node = file.nodes.get(KEY)
    if node is None or node.value is None:
        return Trust()
    value = node.plain
    if not isinstance(value, dict):
        raise _invalid(file, node.line, "flows is not a mapping", "write `allow: [...]` below it")
    try:
        section = _Section.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        key = show_key(".".join(map(str, first["loc"])))
        near = nearest_name(str(first["loc"][0]), _Section.model_fields)
        mend = (
            f"did you mean {near}?" if near else f"the keys are {', '.join(_Section.model_fields)}"
        )
        raise _invalid(file, node.line_of(first["loc"]), f"{key}: {first['msg']}", mend) from None
    allowed = []
    for number, entry in enumerate(section.allow):
        try:
            allowed.append(parse_allowed(entry))
        except FlowModuleIdInvalid as error:
            line = node.line_of(("allow", number))
            raise _invalid(file, line, error.what, error.mend, error.why) from error
    return Trust(tuple(allowed), section.allow_local)


def not_used_yet(file: ProjectFile) -> tuple[str, ...]:
    """The keys below `flows:` that a later version uses."""
    node = file.nodes.get(KEY)
    value = node.plain if node is not None else None
    return tuple(key for key in _LATER if isinstance(value, dict) and key in value)


def _invalid(
    file: ProjectFile, line: int, what: str, mend: str, why: str = "it is unknown what may run"
) -> SettingInvalid:
    return SettingInvalid(f"{file.shown_name}:{line}: {what}", why=why, mend=mend)
