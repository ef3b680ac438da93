"""What the web UI takes with many requests on paper: `python bench/many_in_ui.py [COUNT]`.

`dagster-webserver` with a catalogue of COUNT requests (default 1,000), none of them made yet.
Printed are the CPU seconds until its location is loaded, children included, and the seconds of the
query behind the catalogue of assets: the first, for which the server resolves the selections of
all sensors, and the least of the others, and the size of the answer.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

from hugflow.requests.catalog import Catalog, write_catalog
from hugflow.store.layout import Places

ROUNDS = 5
LOADED = (
    "{workspaceOrError{... on Workspace{locationEntries{loadStatus "
    "locationOrLoadError{... on PythonError{message}}}}}}"
)
ASSETS = "{assetNodes{id groupName assetKey{path} kinds owners{... on UserAssetOwner{email}}}}"


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
        (root / "dagster.yaml").touch()
        places = Places(root / "datasets", root / "processed", root / ".hugflow-state")
        write_catalog(places, Catalog("a" * 40, files))
        measure(root, count)


def measure(root: Path, count: int) -> None:
    """Start the server, ask, and stop it."""
    address = "http://127.0.0.1:38211/graphql"
    server = Path(sys.executable).with_name("dagster-webserver")
    command = [str(server), "-m", "hugflow_assets.definitions", "-h", "127.0.0.1", "-p", "38211"]
    # Ten thousand requests are more than the 100 MB that Dagster sends by default.
    room = dict.fromkeys(("DAGSTER_GRPC_MAX_RX_BYTES", "DAGSTER_GRPC_MAX_SEND_BYTES"), "1000000000")
    environment = os.environ | room
    environment |= {"PROCESSED_ROOT": "./processed", "DAGSTER_HOME": str(root)}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=root, env=environment, stdout=quiet, stderr=quiet
    ) as process:
        try:
            while b"LOADED" not in (state := ask(address, LOADED)):
                time.sleep(0.5)
            if b'"message"' in state:
                sys.exit(state.decode())
            loaded = cpu_of_session(process.pid)
            seconds, size, nodes = [], 0, 0
            for _ in range(ROUNDS):
                begun_at, before = time.monotonic(), cpu_of_session(process.pid)
                answer = ask(address, ASSETS)
                seconds.append((cpu_of_session(process.pid) - before, time.monotonic() - begun_at))
                size, nodes = len(answer), len(json.loads(answer)["data"]["assetNodes"])
        finally:
            process.terminate()
    first, (cpu, wall) = seconds[0][0], min(seconds[1:])
    print(f"{count} requests: loaded in {loaded:.1f} CPU s; {nodes} assets first in ", end="")
    print(f"{first:.2f} CPU s, then in {cpu:.2f} CPU s, {wall:.2f} s, {size / 1e6:.1f} MB")


def ask(address: str, query: str) -> bytes:
    """The answer to a query; empty while nothing answers."""
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310
            return bytes(response.read())
    except OSError:
        return b""


def cpu_of_session(pid: int) -> float:
    """CPU seconds of a process and of all below it."""
    stats: dict[int, list[str]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        # A process may end meanwhile.
        with suppress(OSError):
            stats[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
    below = {pid}
    for number in sorted(stats):
        if int(stats[number][1]) in below:
            below.add(number)
    ticks = sum(int(stats[each][11]) + int(stats[each][12]) for each in below & stats.keys())
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
