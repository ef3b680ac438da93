"""What the workers of these tests are asked."""

import ctypes
import os
import sys
import time

from hugflow.workers.channel import Bytes, Header
from hugflow.workers.child import Answer, AnswerQuestion


def prepare(word: str = "") -> AnswerQuestion:
    """Answer with what was asked; `do` names what happens before."""
    began = time.monotonic_ns()

    def answer(header: Header, data: Bytes) -> Answer:
        asked = time.monotonic_ns()
        match header.get("do"):
            case "crash":
                ctypes.string_at(0)
            case "leave":
                os._exit(3)
            case "sleep":
                time.sleep(60)
            case "nap":
                time.sleep(0.3)
            case "raise":
                raise ValueError("of the question")
            case "talk":
                sys.stdout.write("no part of the answer\n")
                os.write(1, b"nor this")
        told = {"word": word, "pid": os.getpid(), "began": began, "env": dict(os.environ)}
        told |= {"asked": asked, "ended": time.monotonic_ns()}
        return Answer(header | told, [data[:10], data[10:]], len(data))

    return answer


def fail() -> AnswerQuestion:
    """A worker that cannot be prepared."""
    raise ValueError("of the preparation")
