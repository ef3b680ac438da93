"""The policy: what a request may ask for, said by `policy:` in `hugflow.yaml` on main.

    policy:
      licences: [cc0-1.0, cc-by-4.0]       the Hub's words; a dataset under another one is refused
      largest_gb: 500                      of 10^9 bytes, of a dataset's source files
      owners: ["team:speech", "*@example.org"]       a request names one of these as its owner
      removers: ["ada@example.org", "ops-*"]         who may bring a removal to main

Each line may be left out. `*` stands for any text. What is said on a pull request's branch does
not count.
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from yaml.constructor import SafeConstructor

from hugflow.errors import RequestInvalid
from hugflow.nearest import nearest_name
from hugflow.requests.grammar import BYTES_PER_GB
from hugflow.requests.problems import Problem, show_key

FILE = "hugflow.yaml"
LARGEST_FILE_BYTES = 64 * 1024

_Word = Annotated[str, Field(min_length=1, max_length=200)]


class PolicyInvalid(RequestInvalid):
    """The policy cannot be read, so nobody knows what it allows: nothing new is made."""


class PolicyRefuses(RequestInvalid):
    """A request is sound, and asks for what the policy does not allow."""


class Policy(BaseModel):
    """What a request may ask for; None allows everything."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    licences: Annotated[tuple[_Word, ...] | None, Field(strict=False)] = None
    largest_gb: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    owners: Annotated[tuple[_Word, ...] | None, Field(strict=False)] = None
    removers: Annotated[tuple[_Word, ...] | None, Field(strict=False)] = None

    def allows_licence(self, licence: str | None) -> bool:
        """Whether datasets under a licence may be made; None: the dataset names none."""
        return self.licences is None or _is_named(licence, self.licences)

    def allows_size(self, source_bytes: int) -> bool:
        """Whether a dataset may have so many bytes of source files."""
        return self.largest_gb is None or source_bytes <= self.largest_gb * BYTES_PER_GB

    def allows_owner(self, owner: str | None) -> bool:
        """Whether a request may name this owner; None: it names none."""
        return self.owners is None or _is_named(owner, self.owners)

    def allows_remover(self, *names: str | None) -> bool:
        """Whether somebody, known by these names, may remove datasets."""
        return self.removers is None or any(_is_named(name, self.removers) for name in names)


def read_policy(data: bytes | None) -> Policy:
    """Read the policy of `hugflow.yaml`; one that allows everything where it says none.

    Raises PolicyInvalid for a file that cannot be read or says anything unknown below `policy:`.
    """
    node = _find_policy(data or b"")
    if node is None or node.tag == "tag:yaml.org,2002:null":
        return Policy()
    try:
        value = SafeConstructor().construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _invalid(node, "it holds something else than words and numbers") from error
    if not isinstance(value, dict):
        raise _invalid(node, "it is not a mapping")
    try:
        return Policy.model_validate(value)
    except ValidationError as error:
        raise _invalid(node, _explain(error)) from None


def read_main_policy(config: bytes | None, problems: Iterable[Problem]) -> Policy:
    """The policy of a commit: `config` is its `hugflow.yaml`, None where it has none.

    problems: what kept files of that commit from being read. Raises PolicyInvalid where that file is
    among them: nobody knows what it allows.
    """
    for problem in problems:
        if problem.path == FILE:
            raise PolicyInvalid(problem.headline, why=problem.why, mend=problem.mend)
    return read_policy(config)


def refuse_request(policy: Policy, name: str, owner: str | None) -> None:
    """Raise PolicyRefuses where a request may not be made, as far as its own fields tell."""
    if not policy.allows_owner(owner):
        raise PolicyRefuses(
            f"{name}: the policy does not allow " + (f"the owner {owner}" if owner else "no owner"),
            why=f"{FILE} on main names the owners {_list(policy.owners or ())}",
            mend="name one of them as `owner` in the request",
        )


def refuse_plan(policy: Policy, name: str, licence: str | None, source_bytes: int) -> None:
    """Raise PolicyRefuses where a dataset may not be made, by what the Hub says of it."""
    if not policy.allows_licence(licence):
        raise PolicyRefuses(
            f"{name}: the policy does not allow "
            + (f"the licence {licence}" if licence else "a dataset that names no licence"),
            why=f"{FILE} on main allows {_list(policy.licences or ())}",
            mend="ask for another dataset, or let whoever owns the policy add the licence",
        )
    if not policy.allows_size(source_bytes):
        raise PolicyRefuses(
            f"{name}: the policy does not allow a dataset of {source_bytes / BYTES_PER_GB:,.1f} GB",
            why=f"{FILE} on main allows {policy.largest_gb:,g} GB",
            mend="ask for a subset or a split, or let whoever owns the policy raise largest_gb",
        )


def policy_unreadable(why: str) -> PolicyInvalid:
    """The error of a policy that cannot be read."""
    return PolicyInvalid(
        f"the policy in {FILE} cannot be read",
        why=why,
        mend=f"write below `policy:` only {', '.join(Policy.model_fields)}, as docs/requests.md "
        "shows them",
    )


def _find_policy(data: bytes) -> yaml.Node | None:
    try:
        if len(data) > LARGEST_FILE_BYTES:
            raise ValueError(f"it is larger than {LARGEST_FILE_BYTES // 1024} KiB")
        text = data.decode("utf-8-sig")
        # An alias makes one node stand in many places, and a small file a large value.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise ValueError("it holds an alias (*)")
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    except UnicodeDecodeError:
        raise policy_unreadable("it is not UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}" if mark is not None else "some line"
        raise policy_unreadable(f"it is not YAML from {place} on") from None
    except (yaml.YAMLError, RecursionError):
        raise policy_unreadable("it is not YAML") from None
    except ValueError as error:
        raise policy_unreadable(str(error)) from None
    pairs = tree.value if isinstance(tree, yaml.MappingNode) else []
    found = [node for key, node in pairs if key.value == "policy"]
    if len(found) > 1:
        raise policy_unreadable("`policy` stands there twice")
    return found[0] if found else None


def _explain(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    key = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        near = nearest_name(key, Policy.model_fields)
        return f"{show_key(key)} is unknown" + (f"; did you mean {near}?" if near else "")
    takes = "a number above 0" if key == "largest_gb" else "a list of words"
    return f"{key} takes {takes}"


def _is_named(name: str | None, patterns: Sequence[str]) -> bool:
    return name is not None and any(
        fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns
    )


def _list(words: Sequence[str]) -> str:
    return ", ".join(words) if words else "nothing"


def _invalid(node: yaml.Node, why: str) -> PolicyInvalid:
    return policy_unreadable(f"`policy`, from line {node.start_mark.line + 1} on: {why}")
