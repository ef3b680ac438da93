"""All checks, in the order of the output."""

from collections.abc import Mapping

from hugflow.doctor import cluster, instance, machine, repository, services, workflow
from hugflow.doctor.findings import Check

CHECKS: Mapping[str, Check] = {
    "python": machine.check_python,
    "packages": machine.check_packages,
    "settings": machine.check_settings,
    "roots": machine.check_roots,
    "disk": machine.check_disks,
    "file system": machine.check_file_systems,
    "quota": machine.check_quota,
    "hub": services.check_hub,
    "git": repository.check_git,
    "policy": repository.check_policy,
    "flows": repository.check_flows,
    "requests": repository.check_requests,
    "dagster": instance.check_dagster,
    "cluster": cluster.check_cluster,
    "github": services.check_github,
    "workflow": workflow.check_workflow,
    "sync on": services.check_sync_on,
    "slack": services.check_slack,
}
