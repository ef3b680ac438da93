"""The project of this process."""

from hugflow.redact import redact_logs
from hugflow.settings import ProjectSettings, load_settings


def open_project() -> ProjectSettings:
    """Read the settings, set the environment of the Hub's libraries, and redact secrets in logs.

    Call it before anything imports huggingface_hub, which reads HF_ENDPOINT and HF_HOME on import.
    """
    project = load_settings()
    project.export_hub_environment()
    redact_logs()
    return project
