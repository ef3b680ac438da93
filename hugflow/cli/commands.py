"""The commands of `hugflow`. A command's module is imported when it is called.

`hugflow --help` imports none of them: it shows the words of this list.
"""

from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from hugflow.late_dataclass import dataclass
from hugflow.lean_start import collect_later, keep_extras_out


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: its name, the module of `hugflow.cli`, the function or app there, and its words.

    is_lean: other people's code runs only in child processes, and the command begins its work with
    `collect_now`.
    """

    name: str
    module: str
    attribute: str
    short_help: str
    is_hidden: bool = False
    is_lean: bool = False


COMMANDS: Final = (
    Entry("init", "project", "init", "Make a folder a project."),
    Entry("add", "add", "add", "Look a dataset up, and write its request."),
    Entry("validate", "requests", "validate", "Check request files; nothing is made."),
    Entry("plan", "plans", "plan", "Show what a request will bring.", is_lean=True),
    Entry("local-sync", "local_sync", "local_sync", "Do the whole job for requests.", is_lean=True),
    Entry("sync", "sync", "sync", "Work for a pull request, in a workflow."),
    Entry("import", "imports", "import_archives", "Make datasets of downloaded archives."),
    Entry("status", "status", "status", "Show the state of datasets."),
    Entry("ls", "listing", "ls", "List datasets, one a line."),
    Entry("logs", "listing", "logs", "Show what was done with a dataset."),
    Entry("open", "listing", "open_page", "Print a dataset's address in the web UI."),
    Entry("drift", "drift", "drift", "Name what has changed since it was made."),
    Entry("retry", "datasets", "retry", "Try failed rows again."),
    Entry("push", "push", "push", "Send a dataset to the Hub or to object storage."),
    Entry("versions", "versions", "versions", "List the kept versions of a dataset."),
    Entry("rollback", "versions", "rollback", "Use an earlier version again."),
    Entry("remove", "removals", "remove", "Move a dataset from storage to the trash."),
    Entry("undo", "removals", "undo", "Bring a removed dataset back."),
    Entry("verify", "verifying", "verify", "Compare what is stored with what was made."),
    Entry("why", "verifying", "why", "Show where a file comes from."),
    Entry("export", "exports", "export", "Write a dataset in another tool's form."),
    Entry("overlaps", "overlaps", "overlaps", "Show what datasets have in common."),
    Entry("mix", "mix", "app", "Mix datasets for training."),
    Entry("sql", "sql", "sql", "Query all datasets by SQL."),
    Entry("audit", "audit", "app", "Show what was done, by whom and when."),
    Entry("config", "config", "app", "Show the settings in force, and their origin."),
    Entry("flows", "flow_commands", "app", "Share processing steps, and serve them."),
    Entry("pull", "pull", "pull", "Store the own data of the project's sources."),
    Entry("pull_data", "pull", "pull", "", is_hidden=True),
    Entry("run", "runs", "run", "Run a flow as its YAML says."),
    Entry("runs", "runs", "runs", "Show flows that have a YAML, and their runs."),
    Entry("lock", "hierarchy", "lock", "Pin the parent repositories."),
    Entry("parents", "parents", "app", "List, add and set parent repositories."),
    Entry("compose", "hierarchy", "compose", "Show what the sources are composed of."),
    Entry("compile_flows", "hierarchy", "compile_flows", "", is_hidden=True),
    Entry("release", "release", "release", "Give a project a version: commit and tag."),
    Entry("doctor", "doctor", "doctor", "Check that everything is in place."),
    Entry("up", "up", "up", "Open the web UI, with daemon and sensor."),
    Entry("demo", "demo", "demo", "Show the whole loop, offline."),
)
_BY_NAME: Final = {entry.name: entry for entry in COMMANDS}


class Commands(TyperGroup):
    """The group `hugflow`."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the list."""
        return [entry.name for entry in COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name, imported now; None if there is none."""
        entry = _BY_NAME.get(cmd_name)
        if entry is None:
            return None
        if cmd_name not in self.commands:
            self.commands[cmd_name] = _load(entry)
        return self.commands[cmd_name]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list, without an import."""
        rows = [(entry.name, entry.short_help) for entry in COMMANDS if not entry.is_hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _load(entry: Entry) -> TyperCommand | TyperGroup:
    if entry.is_lean:
        keep_extras_out()
        collect_later()
    found = getattr(import_module(f"hugflow.cli.{entry.module}"), entry.attribute)
    alone = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
    if isinstance(found, typer.Typer):
        alone.add_typer(found, name=entry.name, short_help=entry.short_help)
        group = typer.main.get_command(alone)
        loaded: TyperGroup = group.commands[entry.name]  # type: ignore[attr-defined]
        return loaded
    named = alone.command(entry.name, short_help=entry.short_help, hidden=entry.is_hidden)
    named(found)
    command: TyperCommand = typer.main.get_command(alone)  # type: ignore[assignment]
    return command
