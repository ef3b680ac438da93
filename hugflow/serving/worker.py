"""The workers of a user as a process: `python -m hugflow.serving.worker`.

    [--root FOLDER] [--state-dir FOLDER] [--url ADDRESS] [--seed FILE]
    [--dispatch-point NAME ...] [--threads N] [--allow USER/REPO[@COMMIT] ...]

Without them: the project in the working directory, its server and its user. `--allow` adds to the
project's own allow list what `hugflow flows up` found in those of its parents.

Serves what `hugflow.yaml` declares, then gives instances and runs messages until SIGTERM or SIGINT;
then it finishes what runs, and the rest waits for another worker.
"""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from hugflow.errors import HugflowError
from hugflow.flows.environment import scrub_own_environment
from hugflow.flows.places import STATE_FOLDER
from hugflow.flows.trust import parse_allowed
from hugflow.project_file import read_project_file
from hugflow.redact import redact_logs
from hugflow.serving.colink import ACK_WAIT_S, CoLink
from hugflow.serving.declared import serve_declared
from hugflow.serving.keys import read_seed
from hugflow.serving.places import ProjectServing, serving_at
from hugflow.serving.subjects import DEFAULT_DISPATCH_POINT
from hugflow.serving.workers import (
    DEFAULT_THREADS,
    run_dispatch_worker_thread,
    run_get_instance_worker_thread,
)

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal comes; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hugflow.serving.worker")
    parser.add_argument("--root", type=Path, default=Path())
    parser.add_argument("--state-dir", type=Path)
    parser.add_argument("--url")
    parser.add_argument("--seed", type=Path)
    parser.add_argument("--dispatch-point", action="append")
    parser.add_argument("--threads", type=int, default=DEFAULT_THREADS)
    parser.add_argument("--allow", action="append", default=[])
    parser.add_argument("--ack-wait", type=float, default=ACK_WAIT_S)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    redact_logs()
    stop = stop_on_signals()
    try:
        root = given.root.absolute()
        state_dir = given.state_dir or root / STATE_FOLDER
        inherited = [parse_allowed(entry) for entry in given.allow]
        serving = serving_at(root, read_project_file(root), state_dir, inherited)
        url = given.url or serving.find_url()
        seed = read_seed(given.seed or serving.seed_file)
        cl = CoLink(
            url,
            seed,
            project=serving.project,
            ack_wait_s=given.ack_wait,
            trust=serving.find_trust(),
        )
        points = given.dispatch_point or [DEFAULT_DISPATCH_POINT]
        run_workers(cl, serving, points, given.threads, stop)
    except HugflowError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def run_workers(
    cl: CoLink,
    serving: ProjectServing,
    dispatch_points: Sequence[str],
    threads: int,
    stop: threading.Event,
) -> None:
    """Serve what the project declares, and work until `stop` is set.

    First the process's environment is reduced to what flows may see.
    """
    scrub_own_environment()
    with cl:
        for problem in serve_declared(cl, serving.config.serve, serving.find_ids):
            log.error("%s", problem)
        for point in dispatch_points:
            run_dispatch_worker_thread(cl, point, threads)
        run_get_instance_worker_thread(cl)
        while not stop.wait(1.0):
            pass


def stop_on_signals() -> threading.Event:
    """An event that is set on SIGINT or SIGTERM."""
    stop = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
    return stop


if __name__ == "__main__":
    sys.exit(main())
