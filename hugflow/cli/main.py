"""The command `hugflow`."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from hugflow.cli.ask import NoAnswer
from hugflow.cli.commands import Commands
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
from hugflow.lean_start import QuickEnd
from hugflow.store.atomic import to_disk_error

STOPPED_BY_INTERRUPT = 130
STOPPED_BY_TERMINATE = 143

app = typer.Typer(
    name="hugflow",
    cls=Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
        from importlib.metadata import version

        print_data(f"hugflow {version('hugflow')}")
    elif context.invoked_subcommand is None:
        print_data(context.get_help())


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    end = QuickEnd()
    signal.signal(signal.SIGTERM, _terminate)
    open_streams()
    show_surprises()
    try:
        code = run(sys.argv[1:])
    except Exception:  # noqa: BLE001  # Typer replaces our hook with its own
        code = show_surprise(*sys.exc_info())
    end.code = code
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. An error prints three lines, never a traceback."""
    try:
        with showing():
            code = app(args=list(arguments), prog_name="hugflow", standalone_mode=False)
    except NoAnswer:
        if sys.stderr.isatty():
            # The cursor is still behind the question.
            print_talk("")
        print_talk("stopped; nothing was changed")
        return STOPPED_BY_INTERRUPT
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
