"""Workers that answer for any module: a question names the module, which is imported when asked.

    {"module": "hugflow.audio.isolated", ...}     is answered by `hugflow.audio.isolated.answer`

So one pool serves several purposes, and a worker imports only what it is asked for.
"""

import logging
from collections.abc import Callable
from importlib import import_module
from typing import TypeVar

from hugflow.workers.channel import Bytes, Header
from hugflow.workers.child import Answer, AnswerQuestion
from hugflow.workers.pool import WorkerDied, WorkerPool

log = logging.getLogger(__name__)

T = TypeVar("T")


def open_workers(*, talks: bool = False) -> WorkerPool:
    """A pool of such workers; none is started yet. talks: see `WorkerPool`."""
    return WorkerPool(prepare, talks=talks)


def prepare() -> AnswerQuestion:
    """In the worker: give the function that answers the questions."""
    return _answer


def ask_again_alone(ask: Callable[[bool], T]) -> T:
    """The result of `ask(False)`, or, if that ends a worker, of `ask(True)`.

    ask: asks a pool; its argument is `alone` of `WorkerPool.ask`. A worker may die of what it did
    before, or because there was too little memory for all; so only a second death, of a new worker
    that had the machine for itself, is the question's fault. It raises WorkerDied.
    """
    try:
        return ask(False)
    except WorkerDied as died:
        log.info("%s; it is tried again, alone", died.what)
    return ask(True)


def _answer(header: Header, data: Bytes) -> Answer:
    answer: AnswerQuestion = import_module(header["module"]).answer
    return answer(header, data)
