"""The seed's three repositories, as folders, archives and git repositories."""

import io
import json
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from hugflow.hierarchy.storage import storage_name

GRANDPARENT: dict[str, Any] = {
    "parents": {},
    "sheet_names": {"grandparent_templates": "google_sheet_id"},
    "sources": {
        "flow_definitions": {
            "format": "sheets",
            "subformat": "google_sheets",
            "files_list": ["grandparent_templates", "some_other_id_without_a_name"],
        }
    },
    "steps": [],
}
PARENT: dict[str, Any] = {
    "parents": {"grandparent1": {"location": "grandparent_url"}},
    "sheet_names": {"base_templates": "google_sheet_idA", "base_content": "google_sheet_idB"},
    "sources": {
        "flow_definitions": {
            "parent_sources": ["grandparent1.flow_definitions"],
            "format": "sheets",
            "subformat": "google_sheets",
            "files_list": ["base_templates", "base_content"],
        },
        "expiration_times": {
            "format": "json",
            "files_dict": {"special_expiration_file": "./edits/specific_expiration.json"},
        },
    },
    "steps": [
        {
            "id": "create_flows",
            "type": "create_flows",
            "sources": ["flow_definitions"],
            "models_module": "models.parenttext_models",
            "tags": [4, "response"],
        },
    ],
}
CHILD: dict[str, Any] = {
    "parents": {"parent1": {"location": "parent_url"}},
    "sheet_names": {
        "localised_sheets": "google_sheet_id1",
        "N_onboarding_data": "google_sheet_id2",
        "T_onboarding": "google_sheet_id3",
    },
    "sources": {
        "flow_definitions": {
            "parent_sources": ["parent1.flow_definitions"],
            "format": "sheets",
            "subformat": "google_sheets",
            "files_list": ["N_onboarding_data", "T_onboarding", "localised_sheets"],
        },
        "expiration_times": {
            "parent_sources": ["parent1.expiration_times"],
            "format": "json",
            "files_dict": {"special_expiration_file_child": "./edits/specific_expiration.json"},
        },
    },
    "steps": [],
}
# What the seed says the child's sources are: names and where each comes from.
FLOWS = [
    ("grandparent_templates", "parent1/grandparent1"),
    ("some_other_id_without_a_name", "parent1/grandparent1"),
    ("base_templates", "parent1"),
    ("base_content", "parent1"),
    ("N_onboarding_data", ""),
    ("T_onboarding", ""),
    ("localised_sheets", ""),
]
TIMES = {"special_expiration_file": "parent1", "special_expiration_file_child": ""}


def write_repository(
    folder: Path, config: Mapping[str, Any], *, name: str = "hugflow.json", note: str = ""
) -> Path:
    """A repository whose own files are pulled: each holds its origin and a note."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(config, indent=1))
    for source_name, source in config.get("sources", {}).items():
        inside = folder / config.get("inputpath", "input") / source_name
        inside.mkdir(parents=True, exist_ok=True)
        names = [storage_name(each) for each in source.get("files_list", [])]
        for key, value in source.get("files_dict", {}).items():
            many = isinstance(value, list) and len(value) != 1
            count = len(value) if isinstance(value, list) else 1
            names += [f"{key}__{n}" for n in range(1, count + 1)] if many else [key]
        for each in names:
            text = json.dumps({"from": folder.name, "name": each, "note": note})
            (inside / f"{each}.json").write_text(text + "\n")
    return folder


def at(config: Mapping[str, Any], **locations: str) -> dict[str, Any]:
    """A configuration with its parents at these locations."""
    parents = {name: {"location": location} for name, location in locations.items()}
    return {**config, "parents": parents}


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder as somebody with a name."""
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit_all(folder: Path, message: str = "state") -> str:
    """Commit everything in a folder, which becomes a repository; the commit."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def zip_folder(folder: Path, target: Path, *, top: str | None = None) -> Path:
    """A zip of a folder, with a top folder if one is named."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder).as_posix()
            if path.is_file() and not inside.startswith(".git/"):
                archive.writestr(f"{top}/{inside}" if top else inside, path.read_bytes())
    return target


def tar_folder(folder: Path, target: Path, *, top: str) -> Path:
    """A tar.gz of a folder below a top folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, "w:gz") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                member = tarfile.TarInfo(f"{top}/{path.relative_to(folder).as_posix()}")
                data = path.read_bytes()
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return target


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))  # type: ignore[attr-defined]
        redirect = self.server.redirects.get(self.path)  # type: ignore[attr-defined]
        if redirect is None:
            super().do_GET()
            return
        self.send_response(302)
        self.send_header("Location", redirect)
        self.end_headers()


class Server(ThreadingHTTPServer):
    """Serves a folder; `asked` are the paths and headers so far."""

    asked: list[tuple[str, dict[str, str]]]
    redirects: dict[str, str]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """A folder over HTTP on a free port of this machine."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
    server.asked, server.redirects = [], {}
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def names(source: Any) -> list[tuple[str, str]]:
    """The names in a composed list, with their origins."""
    return [(file.name, "/".join(file.origin)) for file in source.files_list]


def keys(source: Any) -> dict[str, str]:
    """The keys of a composed dict, with the origins of their values."""
    return {
        key: ",".join("/".join(file.origin) for file in value)
        for key, value in source.files_dict.items()
    }


def assert_is_the_seeds(sources: Mapping[str, Any]) -> None:
    """The child's composed sources are those that the seed describes, with the right content."""
    assert names(sources["flow_definitions"]) == FLOWS
    assert keys(sources["expiration_times"]) == TIMES
    for source in sources.values():
        for file in source.files():
            said = json.loads(file.path.read_text())
            place = {"parent1/grandparent1": "grandparent", "parent1": "parent", "": "child"}
            assert (said["from"], said["name"]) == (place["/".join(file.origin)], file.name)
