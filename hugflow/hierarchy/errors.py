"""What can be wrong with a hierarchy of repositories, each error with its place.

The place is the path of parents from the root, the file, its line and the key:

    parent1/grandparent1: config.json:12: sources.flows.format: ...
"""

from hugflow.errors import RequestInvalid


class ConfigError(RequestInvalid):
    """A hierarchy cannot be composed as it is written.

    trail: the path of parents from the root to the repository; empty for the root.
    file: the file's name or path; key: the key in it, with dots.
    """

    def __init__(
        self,
        what: str,
        *,
        why: str,
        mend: str,
        trail: tuple[str, ...] = (),
        file: str | None = None,
        line: int | None = None,
        key: str | None = None,
    ) -> None:
        """Write the place before what happened, and keep its parts."""
        self.trail, self.file, self.line, self.key = trail, file, line, key
        where = f"{file}:{line}" if file is not None and line is not None else file
        parts = ["/".join(trail) or None, where, key, what]
        super().__init__(": ".join(part for part in parts if part), why=why, mend=mend)


class LockError(ConfigError):
    """`hugflow.lock` is missing, damaged, or does not agree with the project or its parents."""


class CycleError(ConfigError):
    """A repository is its own ancestor; the path of parents names the way round."""


class CollisionError(ConfigError):
    """Two files have one place, and the source does not allow that."""


class FormatMismatchError(ConfigError):
    """A source names a parent's source of another format."""


class MissingFileError(ConfigError):
    """A file of a source is not stored, or there is not exactly one."""


class PullError(ConfigError):
    """Files could not be pulled; `failures` holds a line for each, and nothing was written."""

    failures: tuple[str, ...] = ()


class UnsafeArchiveError(ConfigError):
    """An archive holds what could write or read outside its folder, or is too large."""


class UnsafeLocationError(ConfigError):
    """A parent's location may not be read from where it is written."""


class ParentUnavailable(ConfigError):
    """A parent cannot be fetched now; a later try may succeed."""

    exit_code = 7
