"""All names from Dagster's private modules, so that only this file changes when they do.

Dagster promises nothing about these names. Each comment says what the name is for and why nothing
public does it. `tests/dagster/test_dagster_private.py` fails when one is gone. Checked with
dagster 1.13.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

# Dagster converts the schema of an op's config, and looks up the type of each input and output three
# times, for each op anew: a sixth of what a thousand datasets cost. Nothing public takes either of
# them ready-made.
from dagster._core.definitions import definition_config_schema as dagster_config_schema
from dagster._core.definitions import input as dagster_input
from dagster._core.definitions import output as dagster_output
from dagster._core.definitions.assets.job import asset_in as dagster_asset_in

# Dagster checks an asset's `owners` and raises: one bad owner in a request would fail the whole
# code location. Publicly there is no way to ask first, only the error.
from dagster._core.definitions.utils import is_valid_owner

# `DagsterInstance.get()` reads the working directory's dagster.yaml and no other; a project's root
# is rarely the working directory of the process that asks.
from dagster._core.instance.ref import InstanceRef

# `dg.RunsFilter` takes single statuses; only this name lists those that are not final.
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

# The tag of a crashed run that Dagster will start again by itself; it has no public name.
from dagster._core.storage.tags import WILL_RETRY_TAG

if TYPE_CHECKING:
    from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
    from sqlalchemy.engine import Connection
    from starlette.types import ASGIApp

__all__ = [
    "NOT_FINISHED_STATUSES",
    "WILL_RETRY_TAG",
    "InstanceRef",
    "is_valid_owner",
    "one_transaction",
    "open_web_app",
    "types_looked_up_once",
]


_PURE = (
    (dagster_config_schema, "convert_potential_field"),
    (dagster_input, "resolve_dagster_type"),
    (dagster_output, "resolve_dagster_type"),
    (dagster_asset_in, "resolve_dagster_type"),
)


@contextmanager
def types_looked_up_once() -> Iterator[None]:
    """Within the block, Dagster looks up each type, and converts each schema of a config, once."""
    with ExitStack() as changed:
        for module, name in _PURE:
            function = getattr(module, name, None)
            if function is not None:
                setattr(module, name, _Once(function))
                changed.callback(setattr, module, name, function)
        yield


class _Once:
    """A function of one object, called once for each object."""

    def __init__(self, function: Callable[[object], object]) -> None:
        self._function = function
        # The object is kept beside its result, so that no later one gets its id.
        self._known: dict[int, tuple[object, object]] = {}

    def __call__(self, asked: object) -> object:
        known = self._known.get(id(asked))
        if known is None:
            known = self._known[id(asked)] = (asked, self._function(asked))
        return known[1]


# How long another process may hold a database; Dagster waits as long.
BUSY_S = 60


@contextmanager
def one_transaction(instance: dg.DagsterInstance) -> Iterator[bool]:
    """What this thread tells the instance within the block reaches the disk at its end, or not at all.

    Gives whether that is so: with any other storage than SQLite, and with a Dagster whose storage
    is made another way, each event is stored by itself. The block must be short: other processes
    wait for it.
    """
    # Dagster's SQLite event log opens a database anew, and syncs it to the disk, two or three times
    # for each event; nothing public stores several events at once. It is imported here because its
    # libraries take a fifth of a second, which loading the definitions need not wait for.
    from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

    storage = instance.event_log_storage
    if type(storage) is not SqliteEventLogStorage or not _is_as_expected(storage):
        yield False
        return
    with ExitStack() as transactions:
        batch = _Batch(storage, transactions)
        # Attributes of this one object hide the methods of its class.
        own = vars(storage)
        own["_connect"], own["_store_asset_event"] = batch.connect, batch.store_asset_event
        # It opens the database for each event with tags.
        own["has_table"] = cache(storage.has_table)
        try:
            yield True
            batch.store_latest()
        finally:
            del own["_connect"], own["_store_asset_event"], own["has_table"]


def _is_as_expected(storage: "SqliteEventLogStorage") -> bool:
    """Whether the storage has the methods that a batch takes the place of."""
    expected = {
        "_connect": ["self", "shard"],
        "_store_asset_event": ["self", "conn", "event", "event_id"],
        "conn_string_for_shard": ["self", "shard_name"],
        "has_table": ["self", "table_name"],
    }
    kind = type(storage)
    return all(
        hasattr(kind, name) and list(signature(getattr(kind, name)).parameters) == parameters
        for name, parameters in expected.items()
    )


class _Batch:
    """Events of one thread, stored over one connection to each database."""

    def __init__(self, storage: "SqliteEventLogStorage", transactions: ExitStack) -> None:
        self._storage = storage
        self._transactions = transactions
        self._owner = threading.get_ident()
        self._connect = storage._connect
        self._store_asset_event = storage._store_asset_event
        self._opened: dict[str, Connection] = {}
        self._latest: dict[dg.AssetKey, tuple[Connection, dg.EventLogEntry, int]] = {}

    @contextmanager
    def connect(self, shard: str) -> Iterator["Connection"]:
        """The connection of the batch; other threads get one of their own."""
        if threading.get_ident() != self._owner:
            with self._connect(shard) as connection:
                yield connection
            return
        if shard not in self._opened:
            # Dagster's own way makes the tables.
            with self._connect(shard):
                pass
            opening = _open_database(self._storage, shard)
            self._opened[shard] = self._transactions.enter_context(opening)
        yield self._opened[shard]

    def store_asset_event(self, conn: "Connection", event: dg.EventLogEntry, event_id: int) -> None:
        """Keep the latest materialization of each asset for the end; store anything else."""
        told = event.dagster_event
        is_own = conn in self._opened.values()
        if is_own and told is not None and told.is_step_materialization and told.asset_key:
            self._latest[told.asset_key] = (conn, event, event_id)
        else:
            self._store_asset_event(conn, event, event_id)

    def store_latest(self) -> None:
        """Store the latest materialization of each asset, as its last one."""
        for conn, event, event_id in self._latest.values():
            self._store_asset_event(conn, event, event_id)


@contextmanager
def _open_database(storage: "SqliteEventLogStorage", shard: str) -> Iterator["Connection"]:
    """A connection in a transaction, which is committed at the end of the block."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    address = storage.conn_string_for_shard(shard)
    engine = create_engine(address, poolclass=NullPool, connect_args={"timeout": BUSY_S})
    with engine.connect() as connection, connection.begin():
        yield connection
    engine.dispose()


@contextmanager
def open_web_app(
    instance: dg.DagsterInstance, workspace: Path, poll_ms: int
) -> Iterator["ASGIApp"]:
    """Dagster's web UI as an ASGI application, so that a guard can check requests first.

    workspace: the file that names the code locations.
    poll_ms: how often the UI looks for new logs.
    Publicly there is only the command `dagster-webserver`, which answers everybody.
    """
    # Imported here because code servers load this module too, and this import takes a second.
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster_webserver.app import create_app_from_workspace_process_context

    with WorkspaceProcessContext(
        instance,
        version=dg.__version__,
        read_only=False,
        workspace_load_target=WorkspaceFileTarget([str(workspace)]),
    ) as context:
        yield create_app_from_workspace_process_context(context, "", poll_ms)
