"""The project that this process works in."""

from hugflow.redact import redact_logs
from hugflow.settings import ProjectSettings, load_settings


def open_project() -> ProjectSettings:
    """Read the settings, let the Hub's libraries see theirs, and let no log hold a secret.

    Before anything imports huggingface_hub: it reads HF_ENDPOINT and HF_HOME once, on import.
    """
    project = load_settings()
    project.export_hub_environment()
    redact_logs()
    return project
