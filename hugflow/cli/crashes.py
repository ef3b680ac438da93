"""A command continues by itself after a codec crash.

A command that makes rows works in a child process, forked before any other work. When a fault in
native code kills the child, a second child replaces it. The second child isolates the rows that
were in flight (`hugflow.stages.making.make_rows`), so the clip costs its own row and no more.
This process waits, passes on the signals that it gets, and exits as the child exits. The child
never outlives it.

Only Linux tells a child that its parent has died. Elsewhere there is one process, and running the
same command again does what the second child would do.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Sequence
from itertools import count
from types import FrameType
from typing import NoReturn

from hugflow.cli.output import print_talk
from hugflow.store.locks import be_known_as

MAKING = frozenset({"local-sync", "retry", "sync"})
CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL})
# After the first crash all clips near the faulty one are isolated. More crashes have another cause.
MOST_CHILDREN = 3
# Interrupting a process group sends the child two signals: the original and the one passed on.
INTERRUPTED_AGAIN_S = 1.0
_HANDED_ON = frozenset({signal.SIGINT, signal.SIGTERM})
_AWAITED = _HANDED_ON | {signal.SIGCHLD}
# siginfo's si_code of a signal from the terminal; the terminal sends it to the child too.
_SI_KERNEL = 0x80
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


def survive_crashes(arguments: Sequence[str]) -> None:
    """Return in a child process that may crash; the caller's process exits as the last child does.

    arguments: the command line. Does nothing for a command that makes no rows. Call it while there
    is only one thread.
    """
    command = next((word for word in arguments if not word.startswith("-")), None)
    if command not in MAKING or sys.platform != "linux":
        return
    # A process that ignores SIGCHLD does not learn when a child ends.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    parent, mask = os.getpid(), signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    for children in count(1):
        child = os.fork()
        if not child:
            _begin_child(parent, mask)
            return
        status, is_told_to_end = _wait_for(child)
        crash = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        if crash not in CRASHES or is_told_to_end or children == MOST_CHILDREN:
            _end_like(status)
        print_talk(
            f"the work was ended by {signal.Signals(crash).name}, as by a clip that crashes a codec; "
            "it continues, and isolates the rows that were being made"
        )


def _begin_child(parent: int, mask: set[int | signal.Signals]) -> None:
    """In the child: end when the parent ends, and handle signals as the parent did."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    be_known_as(parent)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _Interrupts())
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


class _Interrupts:
    """Raise KeyboardInterrupt, once for two signals of one interrupt."""

    def __init__(self) -> None:
        self._last = -INTERRUPTED_AGAIN_S

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._last >= INTERRUPTED_AGAIN_S:
            self._last = now
            signal.default_int_handler(number, frame)


def _wait_for(child: int) -> tuple[int, bool]:
    """Pass on signals until the child ends; return its wait status and whether any signal came."""
    is_told_to_end = False
    while True:
        found = signal.sigwaitinfo(_AWAITED)
        if found.si_signo in _HANDED_ON:
            is_told_to_end = True
            if found.si_code != _SI_KERNEL:
                os.kill(child, found.si_signo)
        else:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return status, is_told_to_end


def _end_like(status: int) -> NoReturn:
    """End this process the way another one ended."""
    if not os.WIFSIGNALED(status):
        os._exit(os.waitstatus_to_exitcode(status))
    number = os.WTERMSIG(status)
    # The child has already dumped core; this process need not.
    _prctl(_PR_SET_DUMPABLE, 0)
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    # The first process of a container cannot kill itself with a signal.
    os._exit(128 + number)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value)
