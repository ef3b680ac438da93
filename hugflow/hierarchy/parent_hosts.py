"""`policy.parent_hosts`: hosts that parents may be fetched from although they are not public.

Only the root's own project file counts; a parent's is never read.
"""

import re

from hugflow.errors import RequestInvalid
from hugflow.hierarchy.errors import ConfigError
from hugflow.hierarchy.load import Project
from hugflow.requests.policy import policy_of

_ENTRY = re.compile(r"\[?([^\s/\[\]@]+)\]?:([0-9]{1,5})")


def parent_hosts_of(project: Project) -> frozenset[str]:
    """The `host:port` of hosts that the root allows. Raises ConfigError for an invalid policy."""
    try:
        entries = policy_of(project.file).parent_hosts or ()
    except RequestInvalid as error:
        raise ConfigError(error.what, why=error.why, mend=error.mend) from error
    hosts = set()
    for entry in entries:
        found = _ENTRY.fullmatch(entry)
        if found is None:
            raise ConfigError(
                f"{entry[:80]!r} is no host with a port",
                why="a host is allowed at one port",
                mend="write host:port, such as git.example.org:443",
                **project.error_place("policy", "parent_hosts"),
            )
        hosts.add(f"{found[1].lower()}:{found[2]}")
    return frozenset(hosts)
