"""An error that nobody foresaw holds no secret where Dagster keeps it."""

from collections.abc import Callable

import dagster as dg
import pytest

from hugflow.clients.hub import Hub
from hugflow.errors import UsageWrong
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from hugflow_resources.surprises import Surprise, no_secret_in_errors
from hugflow_sensors import requests_on_main as sensor_module
from tests.dagster.conftest import Dataset
from tests.dagster.sensor_world import World

SECRET = f"hf_{'x' * 34}"


def kept(instance: dg.DagsterInstance) -> str:
    """All that Dagster has of all runs."""
    runs = instance.get_runs()
    return "".join(repr(entry) for run in runs for entry in instance.all_logs(run.run_id))


def test_a_secret_in_an_error_of_a_run_is_not_kept(
    hub: LoopbackHub, dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
):
    publish_text(hub, "surprises/run", rows=2, shards=1)
    made = dataset("surprises/run")
    made.plan()

    def reveal(*_: object, **__: object) -> None:
        try:
            raise ValueError(f"Bearer {SECRET} is not welcome")
        except ValueError as error:
            raise KeyError(f"no {SECRET}") from error

    monkeypatch.setattr(Hub, "fetch_file", reveal)
    made.make_all()
    told = kept(made.instance)
    assert "KeyError: 'no (hidden)'" in told
    assert "fetch_file" in told
    assert SECRET not in told


def test_a_secret_in_an_error_of_a_tick_is_not_kept(world: World, monkeypatch: pytest.MonkeyPatch):
    def reveal(*_: object) -> None:
        raise RuntimeError(f"token={SECRET}")

    monkeypatch.setattr(sensor_module, "read_asked", reveal)
    with pytest.raises(Surprise) as surprise:
        world.tick_after_push()
    assert "RuntimeError: " in str(surprise.value)
    assert SECRET not in str(surprise.value)


def test_an_error_without_a_secret_stays_what_it_is():
    error = ValueError("words")
    with pytest.raises(ValueError, match="words") as caught, no_secret_in_errors():
        raise error
    assert caught.value is error


def test_an_error_of_ours_stays_one_and_loses_what_it_came_of():
    error = UsageWrong("it is wrong", why="a test", mend="none")
    error.__cause__ = ValueError(SECRET)
    with pytest.raises(UsageWrong) as caught, no_secret_in_errors():
        raise error
    assert caught.value is error
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
