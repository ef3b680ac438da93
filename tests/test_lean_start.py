"""What our own commands do not import."""

import subprocess
import sys

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
