"""Which Python package a flow module becomes, and which revisions it may have.

    saibo/ChatFlows   -> flow_modules.saibo.ChatFlows
    1234/Chat-Flows   -> flow_modules.user_1234.Chat_Flows
    saibo/6789        -> refused: rename the repository

Everything here is decided before a network request is sent.
"""

import keyword
import re
from pathlib import PurePosixPath

from hugflow.errors import FlowModuleIdInvalid
from hugflow.late_dataclass import dataclass
from hugflow.requests.grammar import FieldInvalid
from hugflow.requests.grammar import revision as check_git_name

PACKAGE = "flow_modules"
DEFAULT_REVISION = "main"
LOCAL_PREFIXES = ("/", "./", "../", "~")
MAX_PART_CHARACTERS = 96

_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_ABBREVIATED_COMMIT = re.compile(r"[0-9a-f]{7,40}")


@dataclass(frozen=True, slots=True, order=True)
class ModuleId:
    """A model repository on the Hub that is a flow module: `user/repo`."""

    user: str
    repo: str

    def __str__(self) -> str:
        """Give `user/repo`."""
        return f"{self.user}/{self.repo}"

    @property
    def user_package(self) -> str:
        """The user's name as Python imports it."""
        name = _to_identifier(self.user)
        return name if name.isidentifier() and not _is_reserved(name) else f"user_{name}"

    @property
    def repo_package(self) -> str:
        """The repository's name as Python imports it."""
        return _to_identifier(self.repo)

    @property
    def package(self) -> str:
        """The package that is imported: `flow_modules.saibo.ChatFlows`."""
        return f"{PACKAGE}.{self.user_package}.{self.repo_package}"

    @property
    def path(self) -> PurePosixPath:
        """The module's folder below `flow_modules/`."""
        return PurePosixPath(self.user_package, self.repo_package)

    @property
    def is_renamed(self) -> bool:
        """Whether the import differs from the repository's name."""
        return str(self.path) != str(self)


def parse_module_id(text: object) -> ModuleId:
    """Read `user/repo`. Raises FlowModuleIdInvalid, a ValueError, for anything else."""
    if not isinstance(text, str):
        raise FlowModuleIdInvalid(
            f"the url of a flow module is text, not {type(text).__name__}",
            why="it is the id of a repository on the Hub",
            mend='write it like "saibo/ChatFlows"',
        )
    user, slash, repo = text.partition("/")
    if not slash or not _is_part(user) or not _is_part(repo) or repo.endswith(".git"):
        raise FlowModuleIdInvalid(
            f"{text[:200]!r} is not the id of a flow module",
            why="an id is user/repo: letters, digits, and - . _ between them",
            mend='write it like "saibo/ChatFlows", as the address of its page on the Hub ends',
        )
    module = ModuleId(user, repo)
    package = module.repo_package
    if not package.isidentifier() or _is_reserved(package):
        raise FlowModuleIdInvalid(
            f"{text!r}: the repository's name {repo!r} cannot be imported by Python",
            why="it begins with a digit"
            if package[0].isdigit()
            else f"{package!r} is a word that Python keeps for itself",
            mend="rename the repository on the Hub, so that its name begins with a letter",
        )
    return module


def parse_revision(text: object, module: ModuleId) -> str:
    """Read a revision: a branch, a tag, `refs/pr/N`, a commit, or a local folder.

    Raises FlowModuleIdInvalid.
    """
    try:
        if not isinstance(text, str):
            raise FieldInvalid("is not text", mend='write it in quotes: "main"')
        if not is_local(text):
            check_git_name(text)
        elif "\0" in text or "\n" in text or "\t" in text:
            raise FieldInvalid(
                "holds a character that no folder of a module may have", mend="rename it"
            )
    except FieldInvalid as error:
        raise FlowModuleIdInvalid(
            f"{module}: the revision {str(text)[:200]!r} {error.reason}",
            why="a revision is a branch, a tag, refs/pr/N, a commit, or a folder that begins with "
            "/, ./, ../ or ~",
            mend=error.mend,
        ) from error
    return text


def is_local(revision: str) -> bool:
    """Whether a revision names a folder on this machine; a bare word never does."""
    return revision.startswith(LOCAL_PREFIXES)


def is_commit(revision: str) -> bool:
    """Whether a revision is a whole commit id."""
    return _COMMIT.fullmatch(revision) is not None


def is_commit_of(revision: str, commit: str) -> bool:
    """Whether a revision is this commit's id, whole or abbreviated."""
    return _ABBREVIATED_COMMIT.fullmatch(revision) is not None and commit.startswith(revision)


def _to_identifier(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")


def _is_reserved(name: str) -> bool:
    is_special = name.startswith("__") and name.endswith("__")
    return keyword.iskeyword(name) or is_special


def _is_part(part: str) -> bool:
    return (
        len(part) <= MAX_PART_CHARACTERS
        and _PART.fullmatch(part) is not None
        and "--" not in part
        and ".." not in part
    )
