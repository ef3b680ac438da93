"""The command `init`: it makes a folder a project, with a Dagster instance in it."""

import os
import signal
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from hugflow.activity import step
from hugflow.cli.install_source import SET_VARIABLE, VARIABLE, find_install_source
from hugflow.cli.output import print_data
from hugflow.cli.schema_file import write_schema
from hugflow.cli.verbs import print_done
from hugflow.cluster import ADDRESSES, ENV_FILE, is_cluster, read_addresses
from hugflow.errors import CannotWrite, HugflowError
from hugflow.settings import ProjectSettings, load_settings, refuse_project_file
from hugflow.settings_model import render_env_example

# The files that every new project has, by path.
TEMPLATES = {"workspace.yaml": "workspace.yaml", "dagster.yaml": "dagster.yaml"}
# Workflows, by path and template: what happens on a pull request, and for a comment on it.
WORKFLOWS = {
    f".github/workflows/{name}": name for name in ("dataset-sync.yml", "dataset-comment.yml")
}
_INSTALLED = f"${{{{ vars.{VARIABLE} }}}}"
IGNORED = (
    ".env",
    "/hugflow.local.yaml",
    "/datasets/",
    "/processed/",
    "/.hugflow-state/",
    "/.metaflow/",
    ".tmp_dagster_home_*",
    "/cluster.env",
)
# The files that a project of several hosts has instead or as well.
CLUSTER_TEMPLATES = {
    "dagster.yaml": "cluster/dagster.yaml",
    "dagster_celery_config.py": "cluster/dagster_celery_config.py",
    ENV_FILE: "cluster/cluster.env",
}


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The project's folder.")] = Path(),
    has_cluster: Annotated[
        bool,
        typer.Option("--cluster", help="Run on several hosts: Postgres, Celery and redis."),
    ] = False,
) -> None:
    """Make a folder a project: request folders, settings, a Dagster instance that is ready.

    Existing files are not changed, but for the schema that editors read; running it again is
    harmless. With --cluster it writes the files of a project that several hosts share, and replaces
    a dagster.yaml that was not changed since `hugflow init` wrote it.
    """
    refuse_project_file(folder)
    if has_cluster:
        refuse_own_dagster_yaml(folder)
    source = find_install_source()
    for path in make_project(folder, source, has_cluster=has_cluster):
        print_done("made", str(path))
    project = load_settings(folder)
    places = project.places
    for root in (places.storage_root, places.state_dir):
        root.mkdir(parents=True, exist_ok=True)
    if not _can_write(places.processed_root):
        _choose_processed_root(project, places.processed_root)
    missing = find_missing_addresses(folder) if is_cluster(folder) else []
    if missing:
        _print_next(f"fill in {folder / ENV_FILE} ({', '.join(missing)})")
        print_data("then: `hugflow init --cluster` again, and `hugflow doctor` on every host")
        return
    with step("preparing the Dagster instance"):
        prepare_dagster(folder.resolve())
    links = load_settings(folder).places.processed_root
    ready = f"{folder.resolve()} is ready; links to complete datasets will be in {links}"
    print_done("done", ready, ready)
    if source is None:
        print_data("to set before the first pull request, with the address of your hugflow:")
        print_data(f"  {SET_VARIABLE}")
    there = "" if folder.resolve() == Path.cwd() else f"`cd {folder}`, then "
    _print_next(f"{there}`hugflow add OWNER/NAME` and `hugflow local-sync`;")
    print_data("or commit it to main of a git repository (git init -b main), then `hugflow up`")


def _print_next(words: str) -> None:
    print_done("next", words, f"next: {words}")


def refuse_own_dagster_yaml(folder: Path) -> None:
    """Raise CannotWrite when dagster.yaml was written or changed by a person.

    One that `hugflow init` wrote for one host is moved away, for the one of several hosts.
    """
    path = folder / "dagster.yaml"
    text = path.read_text("utf-8") if path.is_file() else None
    if text in (None, read_template("cluster/dagster.yaml")) or is_cluster(folder):
        return
    if text != read_template("dagster.yaml"):
        raise CannotWrite(
            f"{path} is left as it is",
            why="it is not the one that `hugflow init` writes, so it may hold settings of yours",
            mend="move it away, run the same command again, and put your settings into the new one",
        )
    path.rename(folder / "dagster.one-host.yaml")


def find_missing_addresses(folder: Path) -> list[str]:
    """Names of the cluster's addresses that are not filled in."""
    known = read_addresses(folder, os.environ)
    return [name for name in ADDRESSES if name not in known]


def make_project(
    folder: Path, source: str | None = None, *, has_cluster: bool = False
) -> list[Path]:
    """Write the missing files of a project, and the present schema; return those written.

    source: what the workflow installs; None leaves it to the repository's variable.
    has_cluster: the project runs on several hosts.
    """
    made: list[Path] = []
    for kind in ("add", "remove"):
        keep = folder / "requests" / kind / ".gitkeep"
        if not keep.parent.is_dir():
            keep.parent.mkdir(parents=True)
            keep.touch()
            made.append(keep.parent)
    templates = TEMPLATES | (CLUSTER_TEMPLATES if has_cluster else {})
    texts = {place: read_template(name) for place, name in templates.items()}
    texts |= {place: render_workflow(name, source) for place, name in WORKFLOWS.items()}
    texts[".env.example"] = render_env_example()
    for name, text in texts.items():
        path = folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(0o600 if name == ENV_FILE else 0o666)
            path.write_text(text, "utf-8")
            made.append(path)
    if (schema := write_schema(folder)) is not None:
        made.append(schema)
    if _ignore(folder / ".gitignore"):
        made.append(folder / ".gitignore")
    return made


def _ignore(path: Path) -> bool:
    """Add secrets and data to `.gitignore`; True when the file changed."""
    known = path.read_text("utf-8").splitlines() if path.exists() else []
    missing = [line for line in IGNORED if line not in known]
    for line in missing:
        _append_line(path, line)
    return bool(missing)


def render_workflow(name: str, source: str | None) -> str:
    """The text of a workflow; it installs `source` where the variable is not set."""
    text = read_template(name)
    if source is None:
        return text
    return text.replace(_INSTALLED, f"${{{{ vars.{VARIABLE} || '{source}' }}}}")


def read_template(name: str) -> str:
    """The text of a file that every new project has."""
    return (files("hugflow.cli") / "templates" / name).read_text("utf-8")


def dagster_dev(host: str, port: int) -> list[str]:
    """The command line that runs web server, daemon and code server together."""
    serve = ["dev", "-w", "workspace.yaml", "-h", host, "-p", str(port)]
    # Dagster's warning recommends `dg`, which does not read our workspace.
    return [sys.executable, "-W", "ignore:Function", "-m", "dagster", *serve]


def listen_to_interrupts() -> None:
    """Let the processes we start end on SIGINT and SIGTERM.

    A script's `hugflow up &` starts with SIGINT ignored and its children inherit that. Dagster
    handles SIGTERM as it handles SIGINT, so it would ignore both.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


def prepare_dagster(root: Path) -> None:
    """Create Dagster's storage in one process: several at once would break it."""
    command = [sys.executable, "-m", "hugflow_resources.instance"]
    # In a session of its own: Ctrl-C at the terminal would end it as if the instance were broken.
    done = subprocess.run(  # noqa: S603
        command, cwd=root, capture_output=True, text=True, check=False, start_new_session=True
    )
    if done.returncode:
        raise to_error(done.stderr, root / "dagster.yaml")


def to_error(told: str, config: Path) -> HugflowError:
    """The error of the process that prepares the instance.

    told: what it wrote: the three lines of an error, or a trace, of which the last line counts.
    """
    what, _, rest = told.strip().partition("\n  why: ")
    why, _, mend = rest.partition("\n  fix: ")
    if mend:
        return HugflowError(what.splitlines()[-1], why=why, mend=mend)
    reason = next(reversed(told.strip().splitlines()), "it gave no reason")
    return HugflowError(
        "Dagster's instance cannot be made ready", why=reason, mend=f"look at {config}"
    )


def _choose_processed_root(project: ProjectSettings, refused: Path) -> None:
    """Set PROCESSED_ROOT to a folder in the project when the default cannot be made."""
    if project.origins["PROCESSED_ROOT"] != "default" or project.root is None:
        raise HugflowError(
            f"PROCESSED_ROOT {refused} cannot be written",
            why=f"it is set in {project.origins['PROCESSED_ROOT']}, and this user may not write it",
            mend="make it writable, or set PROCESSED_ROOT to a folder you may write",
        )
    _append_line(project.root / ".env", "PROCESSED_ROOT=./processed")
    (project.root / "processed").mkdir(exist_ok=True)
    print_data(f"{refused} cannot be made, so .env now says PROCESSED_ROOT=./processed")


def _append_line(path: Path, line: str) -> None:
    """Append a line to a file that people edit; its last line may lack a newline."""
    text = path.read_text("utf-8") if path.exists() else ""
    separator = "\n" if text and not text.endswith("\n") else ""
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{separator}{line}\n")


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)
