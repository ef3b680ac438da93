"""What our own commands do not import."""

import os
import subprocess
import sys
from fractions import Fraction

import pytest

from hugflow.lean_start import Late, keep_extras_out, with_extras

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
from hugflow.lean_start import collect_later, collect_now
usual = gc.get_threshold()
collect_now()
print(gc.get_freeze_count(), end=" ")
collect_later()
kept = [[] for _ in range(100_000)]
print(gc.get_count()[0] > 90_000, end=" ")
collect_now()
print(gc.get_freeze_count() > 100_000, gc.get_threshold() == usual, end=" ")
more = [[] for _ in range(100_000)]
print(gc.get_count()[0] < 90_000)
"""


def test_what_a_start_leaves_in_memory_is_not_looked_through_by_the_garbage_collector() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COLLECTING], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", *["True"] * 4]


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


@pytest.mark.parametrize(
    ("name", "users"), [("PYDANTIC_DISABLE_PLUGINS", "logfire"), ("OPENBLAS_NUM_THREADS", "1")]
)
def test_processes_that_run_other_peoples_code_get_the_environment_as_it_was(
    monkeypatch: pytest.MonkeyPatch, name: str, users: str
) -> None:
    monkeypatch.delenv(name, raising=False)
    keep_extras_out()
    assert os.environ[name]
    assert name not in with_extras(os.environ)
    monkeypatch.setenv(name, users)
    keep_extras_out()
    assert with_extras(os.environ)[name] == users


THREADS = """
import os
from hugflow.lean_start import keep_extras_out
keep_extras_out()
import numpy
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not list threads as files")
def test_numpy_starts_no_threads() -> None:
    done = subprocess.run(
        [sys.executable, "-c", THREADS], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1"]


END = """
import atexit, sys, threading, time
from hugflow.lean_start import QuickEnd
class Loud:
    def __del__(self): sys.__stdout__.write("taken apart "); sys.__stdout__.flush()
end, kept = QuickEnd(), Loud()
atexit.register(lambda: sys.stdout.write("left "))
def work():
    time.sleep(0.1)
    sys.stdout.write("worked ")
threading.Thread(target=work).start()
sys.stdout.write("began ")
end.code = {code}
sys.exit(3)
"""


@pytest.mark.parametrize(
    ("code", "said"), [("3", "began worked left "), ("None", "began worked left taken apart ")]
)
def test_a_process_ends_after_its_threads_and_handlers_and_takes_nothing_apart(
    code: str, said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", END.format(code=code)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == (said, 3)


def test_a_late_module_gives_what_the_module_has() -> None:
    late = Late("fractions")
    assert late.Fraction is Fraction
    with pytest.raises(AttributeError, match="no attribute 'Fractions'"):
        late.Fractions  # noqa: B018  # asked for
