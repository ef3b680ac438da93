"""The project that this process works in."""

from hugflow.redact import redact_logs
from hugflow.settings import Project, load_project


def open_project() -> Project:
    """Read the settings, let the Hub's libraries see theirs, and let no log hold a secret.

    Before anything imports huggingface_hub: it reads HF_ENDPOINT and HF_HOME once, on import.
    """
    project = load_project()
    project.export_hub_environment()
    redact_logs()
    return project
