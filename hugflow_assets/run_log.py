"""What hugflow logs while a run works, in the log of that run."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

LOGGER = logging.getLogger("hugflow")


class _ToRun(logging.Handler):
    def __init__(self, context: dg.AssetExecutionContext) -> None:
        super().__init__(logging.INFO)
        self._log = context.log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._log.log(record.levelno, record.getMessage())
        except Exception:  # noqa: BLE001  # a line that cannot be kept must not end the work
            self.handleError(record)


@contextmanager
def tell_run(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Write hugflow's log lines into the run's log while the block runs.

    Dagster's `managed_python_loggers` hear only what is logged while the op itself is running:
    between two events of the op, lines of its threads are lost.
    """
    handler = _ToRun(context)
    level = LOGGER.level
    LOGGER.addHandler(handler)
    if LOGGER.getEffectiveLevel() > logging.INFO:
        LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOGGER.setLevel(level)
        LOGGER.removeHandler(handler)
