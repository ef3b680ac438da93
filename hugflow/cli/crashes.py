"""A command that a codec takes down goes on by itself.

A command that makes rows works in a child process, forked before anything was begun. Where a fault
in native code ends the child, another one takes its place, and has the rows that were in flight made
apart (`hugflow.stages.making.make_rows`): the clip costs its row, and people nothing. This process waits, hands on
the signals that it is sent, and ends as the child ends; the child never outlives it.

Linux alone tells a child that its parent has gone. Elsewhere there is one process, and the same
command once more does what the second child would.
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
# After the first crash all clips near the one that did it are made apart; more is no clip's doing.
MOST_CHILDREN = 3
# Who interrupts a whole group of processes sends the child two: his own, and the one handed on.
INTERRUPTED_AGAIN_S = 1.0
_HANDED_ON = frozenset({signal.SIGINT, signal.SIGTERM})
_AWAITED = _HANDED_ON | {signal.SIGCHLD}
# siginfo's si_code of a signal from the terminal, which sends it to the child as well.
_SI_KERNEL = 0x80
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


def survive_crashes(arguments: Sequence[str]) -> None:
    """Return in a process that may crash; whoever called ends as the last such process does.

    arguments: of the command line. Nothing happens where the command makes no rows. To be called
    while there is one thread.
    """
    command = next((word for word in arguments if not word.startswith("-")), None)
    if command not in MAKING or sys.platform != "linux":
        return
    # Whoever ignores it is told of no child's end.
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
    """In the child: end when the parent does, and listen to signals as the parent did."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    be_known_as(parent)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _Interrupts())
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


class _Interrupts:
    """KeyboardInterrupt, once for two signals that belong together."""

    def __init__(self) -> None:
        self._last = -INTERRUPTED_AGAIN_S

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._last >= INTERRUPTED_AGAIN_S:
            self._last = now
            signal.default_int_handler(number, frame)


def _wait_for(child: int) -> tuple[int, bool]:
    """Hand on signals until the child has ended: its wait status, and whether there were any."""
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
    """End this process as another one has ended."""
    if not os.WIFSIGNALED(status):
        os._exit(os.waitstatus_to_exitcode(status))
    number = os.WTERMSIG(status)
    # What there is to be seen of the crash is the child's.
    _prctl(_PR_SET_DUMPABLE, 0)
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    # The first process of a container cannot end itself so.
    os._exit(128 + number)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value)
