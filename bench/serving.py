"""What a call of a served flow costs, beside plain NATS: `python bench/serving.py [CALLS]`.

The same server and machine in the same run: a plain request with its reply, a call that is not
stored, a durable message with its stored reply; then 64 rows of 20 kB as one batch, which is a
durable message, beside the transfer of their bytes alone: stored by the server, delivered, and
answered with a stored word. Then 1,000 instances. Both sides of a plain request are asked from a
thread, as people do it. What is compared takes turns, some calls at a time, so that other work on
the machine falls on both. Latencies are the median and the 99th of 100.
"""

import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue

from nats.aio.msg import Msg

from hugflow.serving import (
    CoLink,
    get_flow_instance,
    run_dispatch_worker_thread,
    run_get_instance_worker_thread,
    serve_flow,
    start_flow_server_with_users,
    subjects,
)
from hugflow.serving.colink import Project
from hugflow.serving.served_flow import ROWS

CALLS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
BATCHES = CALLS // 5
TURNS = 10
INSTANCES = 1_000
FLOWS = """
from hugflow.flows import AtomicFlow

class Echo(AtomicFlow):
    def run(self, data):
        return data

class Size(AtomicFlow):
    def run(self, data):
        return {"size": len(data["audio"])}
"""


def main() -> None:
    """Measure and print a line for each."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bench_flows.py").write_text(FLOWS)
        owner, user, other = start_flow_server_with_users(3, project=Project(Path(folder)))
        run_dispatch_worker_thread(owner)
        run_get_instance_worker_thread(owner)
        serve_flow(owner, "bench_flows.Echo", "echo", parallel_dispatch=True)
        serve_flow(owner, "bench_flows.Echo", "serial")
        serve_flow(owner, "bench_flows.Size", "size", parallel_dispatch=True)
        owner.run(owner.link.subscribe(f"flow.{owner.get_user_id()}.plain.*", answer))
        echo = get_flow_instance(user, "echo", owner.get_user_id())
        serial = get_flow_instance(user, "serial", owner.get_user_id())
        plain, call, durable = compare(
            {
                "plain request": lambda: ask(owner, user, b'{"number": 1234}'),
                "call, not stored": lambda: echo.call({"number": 1234}),
                "durable message": lambda: serial.run({"number": 1234}),
            },
            CALLS,
        )
        print(f"not stored: {call / plain:.2f} x plain (at most 2)")
        print(f"durable: {durable - plain:.2f} ms more than plain (at most 3)")
        measure_batch(owner, user, other)
        measure_instances(owner, user)
        for cl in (other, user, owner):
            cl.close()


async def answer(message: Msg) -> None:
    """Send back what came."""
    await message.respond(message.data[:100])


def ask(owner: CoLink, user: CoLink, data: bytes) -> bytes:
    """A plain request."""
    subject = f"flow.{owner.get_user_id()}.plain.{user.get_user_id()}"
    return user.run(user.link.ask(subject, data, 10))


def compare(operations: Mapping[str, Callable[[], object]], calls: int) -> list[float]:
    """Print the latencies of operations that take turns; gives the medians in ms."""
    taken: dict[str, list[float]] = {what: [] for what in operations}
    for turn in range(TURNS + 1):
        for what, once in operations.items():
            for _ in range(calls // TURNS):
                began = time.perf_counter()
                once()
                if turn:  # the first makes everything warm
                    taken[what].append((time.perf_counter() - began) * 1000)
    for what, each in taken.items():
        late, per_s = sorted(each)[int(len(each) * 0.99)], 1000 * len(each) / sum(each)
        median = statistics.median(each)
        print(f"{what:<22} p50 {median:7.3f} ms  p99 {late:7.3f} ms  {per_s:7.0f}/s", flush=True)
    return [statistics.median(each) for each in taken.values()]


def measure_batch(owner: CoLink, user: CoLink, other: CoLink) -> None:
    """64 rows of 20 kB of audio as one batch, beside their bytes alone, which `other` sends."""
    rows = [{"audio": bytes(20_000), "row": row} for row in range(64)]
    raw = b"".join(row["audio"] for row in rows)  # type: ignore[misc]
    flow = get_flow_instance(user, "size", owner.get_user_id())
    transfer = StoredTransfer(owner, other)
    plain, called, stored, batch = compare(
        {
            "1.28 MB, not stored": lambda: ask(owner, other, raw),
            "64 rows, not stored": lambda: flow.call({ROWS: rows}),
            "1.28 MB, stored": lambda: transfer.send(raw),
            "64 rows, stored": lambda: flow.run_batch(rows),
        },
        BATCHES,
    )
    print(f"batch: {batch / stored:.2f} x its bytes, stored as it is (at most 2)")
    print(f"batch in a call: {called / plain:.2f} x its bytes in a plain request")


class StoredTransfer:
    """Bytes that the server stores and delivers, and a word that comes back in the same way."""

    def __init__(self, owner: CoLink, user: CoLink) -> None:
        """Let the owner answer each message."""
        self._owner, self._user, self._answers = owner, user, SimpleQueue[bytes]()
        owner_id, user_id = owner.get_user_id(), user.get_user_id()
        delivery = subjects.delivery(owner_id, "bytes")
        every = subjects.message(owner_id, "*", "bytes")
        owner.run(owner.link.add_consumer("bytes", every, delivery, "bytes", 64, 30.0))
        owner.run(owner.link.subscribe(delivery, self._answer, "bytes"))
        user.run(user.link.subscribe(subjects.reply(user_id, owner_id, "*", "*"), self._take))

    def send(self, data: bytes) -> bytes:
        """Send bytes; gives what comes back."""
        user, message_id = self._user, f"bytes-{uuid.uuid4()}"
        subject = subjects.message(self._owner.get_user_id(), user.get_user_id(), "bytes")
        user.run(user.link.store(subject, data, message_id))
        return self._answers.get(timeout=10)

    async def _answer(self, message: Msg) -> None:
        subject = subjects.reply(
            self._user.get_user_id(), self._owner.get_user_id(), "bytes", str(uuid.uuid4())
        )
        await self._owner.link.store(subject, b"done", subject)
        await message.ack()

    async def _take(self, message: Msg) -> None:
        if message.data == b"done":
            self._answers.put(message.data)


def measure_instances(owner: CoLink, user: CoLink) -> None:
    """A thousand instances, and a message to each."""
    began = time.perf_counter()
    flows = [get_flow_instance(user, "serial", owner.get_user_id()) for _ in range(INSTANCES)]
    made = time.perf_counter() - began
    futures = [flow.get_reply_future(flow.package_input_message({"n": 1})) for flow in flows]
    for future in futures:
        future.get_data(timeout=120)
    taken = time.perf_counter() - began - made
    print(f"{INSTANCES:,} instances: made in {made:.1f} s, all answered in {taken:.1f} s")


if __name__ == "__main__":
    main()
