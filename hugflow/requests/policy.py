"""The policy: what requests may ask for, from `policy:` in the project file on main.

    policy:
      licences: [cc0-1.0, cc-by-4.0]       the Hub's words; other licences are refused
      largest_gb: 500                      of 10^9 bytes, of a dataset's source files
      max_expand: 50                       datasets that one request may become without confirm: true
      owners: ["team:speech", "*@example.org"]       a request names one of these as its owner
      removers: ["ada@example.org", "ops-*"]         who may bring a removal to main
      parent_hosts: ["git.example.org:443"]          private hosts that parents may come from
      publish_to: ["speech-team/*", "s3://sets/*"]   where requests may push datasets to

Each line may be left out; then everything is allowed, but `publish_to` only the Hub and object
storage: other places, such as `file://`, are the server's own. `*` matches any text. The policy on a pull request's branch does not
count.
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from hugflow.errors import RequestInvalid
from hugflow.nearest import nearest_name
from hugflow.project_file import NAMES, ProjectFile, parse_project_file
from hugflow.requests.grammar import BYTES_PER_GB
from hugflow.requests.problems import Problem
from hugflow.show_key import show_key

KEY = "policy"

# The stores that `publish_to` may name without a word in the policy.
_OBJECT_STORAGE = ("s3://", "s3a://", "gs://", "gcs://", "az://", "abfs://", "abfss://", "oss://")
_HUB = "hf://"

_Word = Annotated[str, Field(min_length=1, max_length=200)]


class PolicyInvalid(RequestInvalid):
    """The policy cannot be read, so it is unknown what it allows: nothing new is made."""


class PolicyRefuses(RequestInvalid):
    """A request is valid, but the policy does not allow it."""


class Policy(BaseModel):
    """What a request may ask for; None means that everything is allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    licences: Annotated[tuple[_Word, ...] | None, Field(strict=False)] = None
    largest_gb: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    max_expand: Annotated[int, Field(ge=1, le=100_000)] = 50
    owners: Annotated[tuple[_Word, ...] | None, Field(strict=False)] = None
    removers: Annotated[tuple[_Word, ...] | None, Field(strict=False)] = None
    parent_hosts: Annotated[tuple[_Word, ...] | None, Field(strict=False)] = None
    publish_to: Annotated[tuple[_Word, ...] | None, Field(strict=False)] = None

    def allows_licence(self, licence: str | None) -> bool:
        """Whether datasets with this licence are allowed; None: the dataset names none."""
        return self.licences is None or _is_named(licence, self.licences)

    def allows_size(self, source_bytes: int) -> bool:
        """Whether a dataset may have this many bytes of source files."""
        return self.largest_gb is None or source_bytes <= self.largest_gb * BYTES_PER_GB

    def allows_owner(self, owner: str | None) -> bool:
        """Whether a request may name this owner; None: the request names none."""
        return self.owners is None or _is_named(owner, self.owners)

    def allows_remover(self, *names: str | None) -> bool:
        """Whether a person with these names may remove datasets."""
        return self.removers is None or any(_is_named(name, self.removers) for name in names)

    def allows_publish_to(self, place: str) -> bool:
        """Whether a dataset may be pushed to a place, written as in the request's `publish_to`."""
        if self.publish_to is None:
            return "://" not in place or place.startswith((_HUB, *_OBJECT_STORAGE))
        short = place.removeprefix(_HUB).removeprefix("datasets/")
        return _is_named(place, self.publish_to) or _is_named(short, self.publish_to)


def read_policy(data: bytes | None, name: str = NAMES[0]) -> Policy:
    """The policy in a project file's bytes; without `policy:` everything is allowed.

    Raises PolicyInvalid if the file cannot be read or has anything unknown below `policy:`.
    """
    return policy_of(ProjectFile() if data is None else parse_project_file(data, name))


def policy_of(file: ProjectFile) -> Policy:
    """The policy of a project file. Raises PolicyInvalid, also for a file with problems."""
    refuse_problems(file)
    node = file.nodes.get(KEY)
    if node is None or node.value is None:
        return Policy()
    value = node.plain
    if not isinstance(value, dict):
        raise _invalid(file, node.line, "it is not a mapping")
    try:
        return Policy.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        raise _invalid(file, node.line_of(first["loc"]), _explain(first)) from None


def refuse_problems(file: ProjectFile) -> None:
    """Raise PolicyInvalid if a project file has problems: it is unknown what it allows."""
    if file.problems:
        raise policy_unreadable(
            "; ".join(f"{problem.what}: {problem.why}" for problem in file.problems),
            file.shown_name,
            mend="; ".join(dict.fromkeys(problem.mend for problem in file.problems)),
        )


def read_main_file(
    config: bytes | None, problems: Iterable[Problem], name: str = NAMES[0]
) -> ProjectFile:
    """The project file of a commit, from its bytes (None if it has none) and its name.

    problems: files of that commit that could not be read, and why. Raises PolicyInvalid if the
        project file is one of them, or has problems as a whole.
    """
    for problem in problems:
        if problem.path in NAMES:
            raise PolicyInvalid(problem.headline, why=problem.why, mend=problem.mend)
    file = ProjectFile() if config is None else parse_project_file(config, name)
    refuse_problems(file)
    return file


def refuse_request(
    policy: Policy, name: str, owner: str | None, publish_to: str | None = None
) -> None:
    """Raise PolicyRefuses if the fields of a request break the policy."""
    refuse_place(policy, name, publish_to)
    if not policy.allows_owner(owner):
        raise PolicyRefuses(
            f"{name}: the policy does not allow " + (f"the owner {owner}" if owner else "no owner"),
            why=f"{NAMES[0]} on main names the owners {_list(policy.owners or ())}",
            mend="name one of them as `owner` in the request",
        )


def refuse_place(policy: Policy, name: str, publish_to: str | None) -> None:
    """Raise PolicyRefuses if the policy does not allow the place that a request pushes to."""
    if publish_to is None or policy.allows_publish_to(publish_to):
        return
    allowed = policy.publish_to
    raise PolicyRefuses(
        f"{name}: the policy does not allow to push to {publish_to}",
        why=f"{NAMES[0]} on main allows "
        + (_list(allowed) if allowed is not None else "the Hub and object storage"),
        mend="push to another place, or ask the owner of the policy to add it to publish_to",
    )


def refuse_plan(policy: Policy, name: str, licence: str | None, source_bytes: int) -> None:
    """Raise PolicyRefuses if the Hub's facts about a dataset break the policy."""
    if not policy.allows_licence(licence):
        raise PolicyRefuses(
            f"{name}: the policy does not allow "
            + (f"the licence {licence}" if licence else "a dataset that names no licence"),
            why=f"{NAMES[0]} on main allows {_list(policy.licences or ())}",
            mend="ask for another dataset, or ask the owner of the policy to add the licence",
        )
    if not policy.allows_size(source_bytes):
        raise PolicyRefuses(
            f"{name}: the policy does not allow a dataset of {source_bytes / BYTES_PER_GB:,.1f} GB",
            why=f"{NAMES[0]} on main allows {policy.largest_gb:,g} GB",
            mend="ask for a subset or a split, or ask the owner of the policy to raise largest_gb",
        )


def policy_unreadable(why: str, name: str = NAMES[0], *, mend: str | None = None) -> PolicyInvalid:
    """The error for a policy that cannot be read."""
    return PolicyInvalid(
        f"the policy in {name} cannot be read",
        why=why,
        mend=mend or f"write below `policy:` only {', '.join(Policy.model_fields)}",
    )


def _explain(first: ErrorDetails) -> str:
    key = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        near = nearest_name(key, Policy.model_fields)
        return f"{show_key(key)} is unknown" + (f"; did you mean {near}?" if near else "")
    is_number = key in ("largest_gb", "max_expand")
    takes = "a number above 0" if is_number else "a list of words"
    return f"{key} takes {takes}"


def _is_named(name: str | None, patterns: Sequence[str]) -> bool:
    return name is not None and any(
        fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns
    )


def _list(words: Sequence[str]) -> str:
    return ", ".join(words) if words else "nothing"


def _invalid(file: ProjectFile, line: int, why: str) -> PolicyInvalid:
    name = file.shown_name
    return policy_unreadable(f"{name}:{line}: {why}", name)
