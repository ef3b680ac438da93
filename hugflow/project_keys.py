"""What stands below the keys of a project file, each read by its own reader."""

from collections.abc import Callable
from typing import Final

from hugflow.errors import HugflowError
from hugflow.flows.project_key import allow_parents_of, serving_of, trust_of
from hugflow.project_file import ProjectFile
from hugflow.requests.policy import policy_of
from hugflow.settings import find_setting_errors

_READERS: Final[tuple[Callable[[ProjectFile], object], ...]] = (
    policy_of,
    trust_of,
    allow_parents_of,
    serving_of,
)


def find_key_errors(file: ProjectFile) -> list[HugflowError]:
    """Errors below `settings`, `policy` and `flows`; each would stop commands and the sensor.

    file: sound as a whole. Parents and sources are read where requests are composed.
    """
    found: list[HugflowError] = [*find_setting_errors(file)]
    for read in _READERS:
        try:
            read(file)
        except HugflowError as error:
            found.append(error)
    # What is wrong with `flows` as a whole is seen by both of its readers.
    return list({(error.what, error.why): error for error in found}.values())
