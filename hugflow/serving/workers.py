"""Starting the workers of a user, in threads of this process."""

import logging
from typing import TYPE_CHECKING

from hugflow.late_dataclass import dataclass
from hugflow.serving import subjects
from hugflow.serving.subjects import DEFAULT_DISPATCH_POINT

if TYPE_CHECKING:
    from hugflow.serving.colink import CoLink
    from hugflow.serving.dispatch_worker import DispatchWorker
    from hugflow.serving.get_instance_worker import GetInstanceWorker

log = logging.getLogger(__name__)

DEFAULT_THREADS = 64


@dataclass(frozen=True, slots=True)
class RunningWorker:
    """A worker that runs until it is stopped, or its client is closed."""

    cl: "CoLink"
    worker: "DispatchWorker | GetInstanceWorker"

    def stop(self) -> None:
        """Take no more work, and finish what runs."""
        self.cl.run(self.worker.close())


def run_dispatch_worker_thread(
    cl: "CoLink", dispatch_point: str = DEFAULT_DISPATCH_POINT, threads: int = DEFAULT_THREADS
) -> RunningWorker:
    """Run this user's instances on their messages.

    threads: so many messages at once. A flow that waits for others of this user takes one, too.
    """
    from hugflow.serving.dispatch_worker import DispatchWorker

    subjects.check_name(dispatch_point, "the dispatch point")
    running = RunningWorker(cl, DispatchWorker(cl, dispatch_point, threads))
    _open(running)
    log.info("Dispatch worker started in attached thread.")
    log.info("dispatch_point: %s", dispatch_point)
    return running


def run_get_instance_worker_thread(cl: "CoLink") -> RunningWorker:
    """Give instances of this user's endpoints to those who ask."""
    from hugflow.serving.get_instance_worker import GetInstanceWorker

    running = RunningWorker(cl, GetInstanceWorker(cl))
    _open(running)
    log.info("get_instances worker started in attached thread for user %s", cl.get_user_id())
    return running


def _open(running: RunningWorker) -> None:
    running.cl.run(running.worker.open())
    running.cl.call_at_close(running.stop)
