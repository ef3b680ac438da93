"""Many events in one transaction, and what Dagster knows afterwards."""

import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from hugflow_assets.reporting import batches
from hugflow_assets.reporting.batches import tell_events, yield_together
from hugflow_resources import dagster_private
from hugflow_resources.dagster_private import one_transaction

KEY = dg.AssetKey(["batched", "audio"])
Count = Callable[[], int]


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The databases that were opened, in order."""
    opened: list[str] = []
    connect = SqliteEventLogStorage.conn_string_for_shard

    def record(self: SqliteEventLogStorage, shard_name: str) -> str:
        opened.append(shard_name)
        return str(connect(self, shard_name))

    monkeypatch.setattr(SqliteEventLogStorage, "conn_string_for_shard", record)
    return opened


def make_events(count: int) -> list[dg.AssetMaterialization]:
    return [
        dg.AssetMaterialization(KEY, partition=f"{number:03}", metadata={"number": number})
        for number in range(count)
    ]


def known(instance: dg.DagsterInstance) -> set[str]:
    return set(instance.get_materialized_partitions(KEY))


def count_stored(instance: dg.DagsterInstance) -> int:
    """Events that another process would find."""
    folder = Path(instance.storage_directory()).parent / "history" / "runs"
    with closing(sqlite3.connect(folder / "index.db")) as database:
        [(found,)] = database.execute("select count(*) from event_logs").fetchall()
    return int(found)


def test_events_are_told_in_batches_and_the_last_is_the_assets_latest(commits: list[str]):
    with dg.DagsterInstance.local_temp() as instance:
        told = list(tell_events(instance, make_events(250)))
        assert told == [f"{number:03}" for number in range(250)]
        assert known(instance) == set(told[:250])
        latest = instance.get_latest_materialization_event(KEY)
        assert latest is not None
        assert latest.asset_materialization is not None
        assert latest.asset_materialization.partition == "249"
        assert instance.has_asset_key(KEY)
        assert [each.to_string() for each in instance.get_asset_keys()] == [KEY.to_string()]
    # One by one, two or three databases are opened for each event.
    assert len(commits) < 40


def test_checks_are_told_in_a_batch(commits: list[str]):
    evaluation = dg.AssetCheckEvaluation(
        asset_key=KEY, check_name="sound", passed=True, metadata={}, blocking=False
    )
    with dg.DagsterInstance.local_temp() as instance:
        commits.clear()
        deque(tell_events(instance, [*make_events(30), evaluation]), maxlen=0)
        assert len(commits) < 20
        check = dg.AssetCheckKey(KEY, "sound")
        [record] = instance.event_log_storage.get_latest_asset_check_execution_by_key(
            [check]
        ).values()
        assert record is not None
        assert len(known(instance)) == 30


def test_a_batch_that_fails_leaves_nothing_and_is_told_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
):
    meanwhile: list[int] = []
    with dg.DagsterInstance.local_temp() as instance:
        report, seen = instance.report_runless_asset_event, 0

        def fail_once(event: dg.AssetMaterialization) -> None:
            nonlocal seen
            seen += 1
            if seen == 3:
                meanwhile.append(count_stored(instance))
                raise RuntimeError("the database is locked")
            report(event)

        monkeypatch.setattr(instance, "report_runless_asset_event", fail_once)
        deque(tell_events(instance, make_events(5)), maxlen=0)
        assert meanwhile == [0]
        assert count_stored(instance) == 5
        assert known(instance) == {f"{number:03}" for number in range(5)}
        records = instance.fetch_materializations(KEY, limit=50).records
        assert len(records) == 5


def test_a_storage_of_another_make_gets_each_event_by_itself(monkeypatch: pytest.MonkeyPatch):
    with dg.DagsterInstance.local_temp() as instance:
        monkeypatch.setattr(dagster_private, "_is_as_expected", lambda storage: False)
        with one_transaction(instance) as is_one:
            assert not is_one
        deque(tell_events(instance, make_events(3)), maxlen=0)
        assert len(known(instance)) == 3
    with dg.DagsterInstance.ephemeral() as instance, one_transaction(instance) as is_one:
        assert not is_one


def test_dagsters_storage_is_still_made_as_the_batch_expects():
    with dg.DagsterInstance.local_temp() as instance, one_transaction(instance) as is_one:
        assert is_one
        assert "_connect" in vars(instance.event_log_storage)


@pytest.mark.slow
def test_what_an_op_yields_together_is_stored_together(
    commits: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(batches, "BATCH_EVENTS", 100)

    @dg.multi_asset(specs=[dg.AssetSpec(KEY)], can_subset=True)
    def asset(context: dg.AssetExecutionContext):  # type: ignore[no-untyped-def]
        commits.clear()
        yield from yield_together(context.instance, make_events(60))
        assert len(commits) < 20

    with dg.DagsterInstance.local_temp() as instance:
        assert dg.materialize([asset], instance=instance).success
        assert len(known(instance)) == 60
        assert "_connect" not in vars(instance.event_log_storage)
