"""Parent repositories: what a repository's data is composed of.

from hugflow.hierarchy import compose, load_project, lock_project, pull

pull("child")
compose("child")["flow_definitions"].paths()
"""

from hugflow.hierarchy.compose import compose
from hugflow.hierarchy.composed import ComposedSource, FileRef
from hugflow.hierarchy.errors import (
    CollisionError,
    ConfigError,
    CycleError,
    FormatMismatchError,
    LockError,
    MissingFileError,
    ParentUnavailable,
    PullError,
    UnsafeArchiveError,
    UnsafeLocationError,
)
from hugflow.hierarchy.load import Project, load_project
from hugflow.hierarchy.lock import lock_project
from hugflow.hierarchy.pulling.pull import PullReport, pull

__all__ = [
    "CollisionError",
    "ComposedSource",
    "ConfigError",
    "CycleError",
    "FileRef",
    "FormatMismatchError",
    "LockError",
    "MissingFileError",
    "ParentUnavailable",
    "Project",
    "PullError",
    "PullReport",
    "UnsafeArchiveError",
    "UnsafeLocationError",
    "compose",
    "load_project",
    "lock_project",
    "pull",
]
