"""What hugflow logs during a run: in the run's log, and as plain lines in its compute log.

    11:03:33 raw, audio of acme__speech, 77b9e63-00000-of-00002...77b9e63-00001-of-00002
    11:03:33 Starting download... data/train-00000-of-00002.parquet of acme__speech
    11:03:34 shard 00000-of-00002 is done: 58 rows, 58 of them new, 2 failed, in 0.8 s
    11:03:36 shard 00001-of-00002 is done: 60 rows, 60 of them new, 0 failed, in 1.7 s
    11:03:36 done after 3.7 s

The compute log is the stderr of the run's process, so a terminal shows the same.
"""

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import dagster as dg

from hugflow.errors import HugflowError
from hugflow.redact import redact
from hugflow_resources.asset_keys import stage_key
from hugflow_resources.surprises import no_secret_in_errors

LOGGER = logging.getLogger("hugflow")
RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
PARTITION_TAG = "dagster/partition"
# The run's log already has their content as materialization events.
TOLD_BY_EVENTS = frozenset(
    {"hugflow.stages.making.make_shards", "hugflow.stages.publishing.publish"}
)


@contextmanager
def tell_run(context: dg.AssetExecutionContext, own: Sequence[str]) -> Iterator[None]:
    """Keep what hugflow logs while the block runs, and how the block began and ended.

    own: the assets that the op makes; those of them are named that the run selected.

    Dagster's `managed_python_loggers` receive only lines logged while the op itself is running:
    between two events of the op, lines of its threads are lost.
    """
    handlers = (_RunLog(context), story := _Story())
    level = LOGGER.level
    for handler in handlers:
        LOGGER.addHandler(handler)
    if LOGGER.getEffectiveLevel() > logging.INFO:
        LOGGER.setLevel(logging.INFO)
    try:
        with no_secret_in_errors(), story.of(_name_work(context, own)):
            yield
    finally:
        LOGGER.setLevel(level)
        for handler in handlers:
            LOGGER.removeHandler(handler)


class _RunLog(logging.Handler):
    """The run's log without Dagster's console, where `_Story` writes a shorter line."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        super().__init__(logging.INFO)
        log = dg.DagsterLogManager.create([], instance=context.instance, dagster_run=context.run)
        step = context.log.metadata
        self._log = log.with_tags(step_key=str(step["step_key"]), op_name=str(step["op_name"]))

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.WARNING and record.name in TOLD_BY_EVENTS:
            return
        try:
            self._log.log(record.levelno, redact(record.getMessage()))
        except Exception:  # noqa: BLE001  # a line that cannot be logged must not end the work
            self.handleError(record)


class _Story(logging.Handler):
    """Writes plain lines to the current stderr."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        try:
            self.tell(f"{level}{record.getMessage()}")
        except Exception:  # noqa: BLE001  # nor one that cannot be put into words
            self.handleError(record)

    def tell(self, line: str) -> None:
        # If the terminal is gone, the failed write must not end the work.
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {redact(line)}\n")
            sys.stderr.flush()

    @contextmanager
    def of(self, work: str) -> Iterator[None]:
        """Write that the work begins and how it ended; the run's log has events for both."""
        started = time.monotonic()
        ending, reason = "stopped", ""
        self.tell(work)
        try:
            yield
            ending = "done"
        except HugflowError as error:
            ending, reason = "failed", f": {error.what}"
            raise
        except Exception as error:
            # Dagster writes the rest of the error, below.
            ending, reason = "failed", f": {type(error).__name__}"
            raise
        finally:
            self.tell(f"{ending} after {time.monotonic() - started:.1f} s{reason}")


def _name_work(context: dg.AssetExecutionContext, own: Sequence[str]) -> str:
    """Which assets of which dataset, and which partitions."""
    selected = context.selected_asset_keys
    name = min(selected).path[0]
    stages = [stage for stage in own if stage_key(name, stage) in selected]
    first, last = (context.run.tags.get(tag) for tag in RANGE_TAGS)
    partitions = f"{first}...{last}" if first else context.run.tags.get(PARTITION_TAG)
    return f"{', '.join(stages)} of {name}" + (f", {partitions}" if partitions else "")
