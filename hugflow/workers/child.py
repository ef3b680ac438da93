r"""The side of a worker: `python -P -m hugflow.workers.child AREA`, started by the pool.

It is sent a pickled `Prepare` first, and answers that it is ready; then one question after another.

    {}                        + pickle   ->  {"ready": true}
    {"make": {"path": null}}  + clip     ->  {"answer": {"info": {...}}}  + MP3
                                         ->  {"raised": "ValueError: ...\n  the traceback"}
"""

import mmap
import os
import pickle
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, TypeAlias

from hugflow.late_dataclass import dataclass
from hugflow.lean_start import QuickEnd, collect_later, collect_now
from hugflow.workers.channel import HALF_BYTES, Bytes, Channel, ChannelClosed, Header

# An idle worker whose owner has gone ends by itself; a busy one is given this long.
_GRACE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question is answered: a JSON, and `size` bytes in pieces."""

    header: Header
    pieces: Iterable[Bytes] = ()
    size: int = 0


AnswerQuestion: TypeAlias = Callable[[Header, Bytes], Answer]
Prepare: TypeAlias = Callable[[], AnswerQuestion]


def main() -> None:
    """Answer questions until the owner ends the conversation, or ends."""
    end = QuickEnd()
    collect_later()
    # Whoever stops a whole group of processes stops the owner, and the owner stops us.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    reads, writes = os.dup(0), os.dup(1)
    # What a library reads or prints is no part of the conversation.
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    threading.Thread(target=_end_with_owner, args=(reads,), daemon=True).start()
    area = mmap.mmap(int(sys.argv[1]), 2 * HALF_BYTES)
    with suppress(ChannelClosed):
        _answer_questions(Channel(reads, writes, area, at=HALF_BYTES))
    end.code = 0


def _answer_questions(channel: Channel) -> None:
    pickled = bytearray()
    channel.receive(pickled.extend)
    try:
        prepare: Prepare = pickle.loads(pickled)  # noqa: S301  # of our owner
        answer_question = prepare()
    except Exception:  # noqa: BLE001  # the owner raises it
        channel.send({"raised": traceback.format_exc()})
        return
    channel.send({"ready": True})
    while True:
        data = bytearray()
        header = channel.receive(data.extend)
        try:
            answer = answer_question(header, data)
        except Exception:  # noqa: BLE001  # the owner raises it
            channel.send({"raised": traceback.format_exc()})
        else:
            channel.send({"answer": answer.header}, answer.pieces, answer.size)
            # While it is idle, a worker keeps nothing of a large question.
            del answer
        del data
        # The first question imports what answers it.
        collect_now()


def _end_with_owner(reads: int) -> None:
    """End the process once nobody can ask it anything more."""
    closed = select.poll()
    closed.register(reads, 0)
    closed.poll()
    time.sleep(_GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    main()
