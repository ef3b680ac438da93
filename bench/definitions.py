"""What loading the definitions of many datasets costs: `python bench/definitions.py [COUNT]`.

CPU seconds of a process that imports `hugflow_assets.definitions` with a catalogue of COUNT
requests (default 1,000), and of one that imports dagster alone; the least of several runs.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from hugflow.requests.catalog import Catalog, write_catalog
from hugflow.store.layout import Places

ROUNDS = 3
LIMIT_S = 3.0
LOAD = """
import sys, time
from hugflow_assets.definitions import defs
assert len(defs.resolve_asset_graph().get_all_asset_keys()) >= 5 * int(sys.argv[1])
print(time.process_time())
"""
IMPORT = "import dagster, time; print(time.process_time())"


def main() -> None:
    """Measure and print one line."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    files = {
        f"requests/add/{n}.yaml": f"hf_id: acme/d{n}\ndescription: Number {n}\n".encode()
        for n in range(count)
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "workspace.yaml").touch()
        places = Places(root / "datasets", root / "processed", root / ".hugflow-state")
        write_catalog(places, Catalog("a" * 40, files))
        floor = min(run(root, IMPORT, count) for _ in range(ROUNDS))
        loaded = min(run(root, LOAD, count) for _ in range(ROUNDS))
    verdict = "" if loaded <= LIMIT_S * count / 1000 or loaded <= LIMIT_S else "  too slow"
    print(f"{count} datasets: {loaded:.2f} CPU s, dagster alone {floor:.2f}{verdict}")


def run(root: Path, program: str, count: int) -> float:
    """CPU seconds of one process."""
    environment = os.environ | {"PROCESSED_ROOT": "./processed"}
    command = [sys.executable, "-c", program, str(count)]
    done = subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)
    return float(done.stdout)


if __name__ == "__main__":
    main()
