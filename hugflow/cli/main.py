"""The command `hugflow`."""

import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from hugflow.cli import (
    add,
    audit,
    checks,
    config,
    datasets,
    demo,
    doctor,
    drift,
    exports,
    flow_uploads,
    flows,
    hierarchy,
    imports,
    listing,
    mix,
    overlaps,
    parents,
    plans,
    project,
    pull,
    push,
    release,
    removals,
    requests,
    runs,
    serving,
    sql,
    status,
    sync,
    up,
    versions,
)
from hugflow.cli.output import (
    open_streams,
    print_data,
    print_error,
    print_failure,
    print_talk,
    show_surprise,
    show_surprises,
)
from hugflow.cli.progress import showing
from hugflow.errors import HugflowError, UsageWrong
from hugflow.store.atomic import to_disk_error

STOPPED_BY_INTERRUPT = 130
STOPPED_BY_TERMINATE = 143

app = typer.Typer(
    name="hugflow",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init", short_help="Make a folder a project.")(project.init)
app.command("add", short_help="Look a dataset up, and write its request.")(add.add)
app.command("validate", short_help="Check request files; nothing is made.")(requests.validate)
app.command("plan", short_help="Show what a request will bring.")(plans.plan)
app.command("local-sync", short_help="Do the whole job for requests.")(datasets.local_sync)
app.command("sync", short_help="Work for a pull request, in a workflow.")(sync.sync)
app.command("import", short_help="Make datasets of downloaded archives.")(imports.import_archives)
app.command("status", short_help="Show the state of datasets.")(status.status)
app.command("ls", short_help="List datasets, one a line.")(listing.ls)
app.command("logs", short_help="Show what was done with a dataset.")(listing.logs)
app.command("open", short_help="Print a dataset's address in the web UI.")(listing.open_page)
app.command("drift", short_help="Name what has changed since it was made.")(drift.drift)
app.command("retry", short_help="Try failed rows again.")(datasets.retry)
app.command("push", short_help="Send a dataset to the Hub or to object storage.")(push.push)
app.command("versions", short_help="List the kept versions of a dataset.")(versions.versions)
app.command("rollback", short_help="Use an earlier version again.")(versions.rollback)
app.command("remove", short_help="Move a dataset from storage to the trash.")(removals.remove)
app.command("undo", short_help="Bring a removed dataset back.")(removals.undo)
app.command("verify", short_help="Compare what is stored with what was made.")(checks.verify)
app.command("why", short_help="Show where a file comes from.")(checks.why)
app.command("export", short_help="Write a dataset in another tool's form.")(exports.export)
app.command("overlaps", short_help="Show what datasets have in common.")(overlaps.overlaps)
app.add_typer(mix.app, name="mix", short_help="Mix datasets for training.")
app.command("sql", short_help="Query all datasets by SQL.")(sql.sql)
app.add_typer(audit.app, name="audit", short_help="Show what was done, by whom and when.")
app.add_typer(config.app, name="config")
# They are commands of `hugflow flows`.
flow_uploads.add_to(flows.app)
serving.add_to(flows.app)
app.add_typer(flows.app, name="flows", short_help="Share processing steps, and serve them.")
app.command("pull", short_help="Store the own data of the project's sources.")(pull.pull)
app.command("pull_data", hidden=True)(pull.pull)
app.command("run", short_help="Run a flow as its YAML says.")(runs.run)
app.command("runs", short_help="Show flows that have a YAML, and their runs.")(runs.runs)
app.command("lock", short_help="Pin the parent repositories.")(hierarchy.lock)
app.add_typer(parents.app, name="parents", short_help="List, add and set parent repositories.")
app.command("compose", short_help="Show what the sources are composed of.")(hierarchy.compose)
app.command("compile_flows", hidden=True)(hierarchy.compile_flows)
app.command("release", short_help="Give a project a version: commit and tag.")(release.release)
app.command("doctor", short_help="Check that everything is in place.")(doctor.doctor)
app.command("up", short_help="Open the web UI, with daemon and sensor.")(up.up)
app.command("demo", short_help="Show the whole loop, offline.")(demo.demo)


class Terminated(BaseException):
    """SIGTERM came. As with KeyboardInterrupt, only the end of the program catches it."""


@app.callback(invoke_without_command=True)
def hugflow(
    context: typer.Context,
    show_version: Annotated[
        bool, typer.Option("--version", help="Show the version and end.")
    ] = False,
) -> None:
    """GitOps for Hugging Face datasets, as a Dagster data platform.

    Put a request into requests/add/, bring it to main, and the dataset becomes MP3 and JSON,
    shard by shard, resumable at any row.
    """
    if show_version:
        print_data(f"hugflow {version('hugflow')}")
    elif context.invoked_subcommand is None:
        print_data(context.get_help())


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    open_streams()
    show_surprises()
    try:
        code = run(sys.argv[1:])
    except Exception:  # noqa: BLE001  # Typer replaces our hook with its own
        code = show_surprise(*sys.exc_info())
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. An error prints three lines, never a traceback."""
    try:
        with showing():
            code = app(args=list(arguments), prog_name="hugflow", standalone_mode=False)
    except typer.Abort:
        return _stopped(STOPPED_BY_INTERRUPT)
    except typer.TyperException as wrong_usage:
        print_error(
            UsageWrong(
                wrong_usage.format_message(),
                why="the command line cannot be understood",
                mend=_advise_help(wrong_usage),
            )
        )
        return UsageWrong.exit_code
    except HugflowError as error:
        if "--json" in arguments:
            print_failure(error)
        print_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return _stopped(STOPPED_BY_INTERRUPT)
    except Terminated:
        return _stopped(STOPPED_BY_TERMINATE)
    except OSError as error:
        explained = _explain(error)
        print_error(explained)
        return explained.exit_code
    # Typer turns an interrupt into its exit code by itself.
    return _stopped(code) if code == STOPPED_BY_INTERRUPT else int(code or 0)


def _explain(error: OSError) -> HugflowError:
    """The error that a user sees for a failed file operation."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return HugflowError(
            "the working directory is gone",
            why="it was deleted or moved after you went into it",
            mend="go into a folder that is there (`cd`), then run the same command again",
        )
    path = Path(str(error.filename or "a file"))
    return to_disk_error(error, path) or HugflowError(
        f"{path} cannot be used",
        why=str(error.strerror or error),
        mend="check that it exists, that you may write it, and that the disk is sound; "
        "then run the same command again: it continues where it stopped",
    )


def _advise_help(wrong_usage: typer.TyperException) -> str:
    """Which help says how the command is called."""
    context = getattr(wrong_usage, "ctx", None)
    called = "hugflow" if context is None else context.command_path
    if called == "hugflow":
        return "`hugflow --help` lists the commands, `hugflow COMMAND --help` its options"
    return f"`{called} --help` shows how it is called"


def _stopped(code: int) -> int:
    print_talk(
        "stopped; what is finished stays. Run the same command again: it continues from here"
    )
    return code


def _terminate(signal_number: int, frame: FrameType | None) -> None:
    # A second signal must not interrupt the exit.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated
