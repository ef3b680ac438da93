"""The JSON Schema of request files, in the project, where editors find it."""

import json
import os
from pathlib import Path

SCHEMA = "requests/request.schema.json"


def schema_line(request: Path, root: Path) -> str:
    """The first line of a request file by which editors find the schema."""
    schema = os.path.relpath(root / SCHEMA, request.parent)
    return f"# yaml-language-server: $schema={Path(schema).as_posix()}"


def write_schema(root: Path) -> Path | None:
    """Write the schema of this version into a project; its path if the file changed."""
    from hugflow.requests.model import json_schema

    path = root / SCHEMA
    text = json.dumps(json_schema(), indent=2) + "\n"
    if path.is_file() and path.read_text("utf-8") == text:
        return None
    path.write_text(text, "utf-8")
    return path
