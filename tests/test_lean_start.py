"""What our own commands do not import."""

import os
import subprocess
import sys
from fractions import Fraction

import pytest

from hugflow.lean_start import Late, keep_plugins_out, with_plugins

PROGRAM = """
import sys
from hugflow.lean_start import keep_pandas_out
keep_pandas_out()
keep_pandas_out()
import pyarrow as pa
pa.array([1])
print("pandas" in sys.modules)
import polars
print(polars.DataFrame({"a": [1]}).to_arrow().num_rows)
import datasets
print("pandas" in sys.modules, datasets.Dataset.from_dict({"a": [1]}).to_pandas().a[0])
"""


def test_pyarrow_imports_no_pandas_and_datasets_does() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["False", "1", "True", "1"], done.stderr


COLLECTING = """
import gc
from hugflow.lean_start import collect_later, collect_no_more, collect_now
usual = gc.get_threshold()
collect_now()
print(gc.get_freeze_count(), end=" ")
collect_later()
kept = [[] for _ in range(100_000)]
print(gc.get_count()[0] > 90_000, end=" ")
collect_now()
print(gc.get_freeze_count() > 100_000, gc.get_threshold() == usual, end=" ")
more = [[] for _ in range(100_000)]
print(gc.get_count()[0] < 90_000, end=" ")
collect_no_more()
print(gc.get_freeze_count() > 200_000)
"""


def test_what_a_start_leaves_in_memory_is_not_looked_through_by_the_garbage_collector() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COLLECTING], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", *["True"] * 5]


LATE = """
import sys
import hugflow.stages.planning.estimate, hugflow.stages.sync
print(*sorted(sys.modules.keys() & {
    "asyncio", "hugflow.flows.sync", "hugflow.serving", "lameenc", "polars", "pyarrow.compute",
    "soundfile", "soxr",
}))
"""


def test_what_plans_and_makes_datasets_imports_libraries_when_it_uses_them() -> None:
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_pydantic_looks_for_plugins_in_processes_that_run_other_peoples_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PYDANTIC_DISABLE_PLUGINS", raising=False)
    keep_plugins_out()
    assert os.environ["PYDANTIC_DISABLE_PLUGINS"]
    assert "PYDANTIC_DISABLE_PLUGINS" not in with_plugins(os.environ)
    monkeypatch.setenv("PYDANTIC_DISABLE_PLUGINS", "logfire")
    keep_plugins_out()
    assert with_plugins(os.environ)["PYDANTIC_DISABLE_PLUGINS"] == "logfire"


def test_a_late_module_gives_what_the_module_has() -> None:
    late = Late("fractions")
    assert late.Fraction is Fraction
    with pytest.raises(AttributeError, match="no attribute 'Fractions'"):
        late.Fractions  # noqa: B018  # asked for
