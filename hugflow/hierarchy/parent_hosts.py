"""`policy.parent_hosts`: hosts that parents may be fetched from although they are not public.

Only the root's own project file counts; a parent's is never read.
"""

from hugflow.errors import RequestInvalid
from hugflow.hierarchy.errors import ConfigError
from hugflow.hierarchy.load import Project
from hugflow.requests.policy import policy_of


def parent_hosts_of(project: Project) -> frozenset[str]:
    """The `host:port` of hosts that the root allows. Raises ConfigError for an invalid policy."""
    try:
        return frozenset(policy_of(project.file).parent_hosts or ())
    except RequestInvalid as error:
        raise ConfigError(error.what, why=error.why, mend=error.mend) from error
