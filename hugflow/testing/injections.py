"""Faults that lie in wait on a stand-in, and how often each has struck."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from hugflow.errors import UsageWrong
from hugflow.testing.exchange import Answer, Ask
from hugflow.testing.faults import Encounter, Fault, Match

When = Match | Callable[[Ask], bool]


@dataclass(slots=True, eq=False)
class Injection:
    """Faults on one stand-in, and what has become of them.

    with_effect: what was asked for happens, also where they strike before it.
    seen: questions that they could have struck, the first `after` of them included.
    struck: answers that were sent otherwise than they were meant.
    """

    faults: tuple[Fault, ...]
    when: When
    times: int | None
    after: int
    with_effect: bool = False
    seen: int = 0
    struck: int = 0
    _uses: Counter[str] = field(default_factory=Counter)

    @property
    def is_over(self) -> bool:
        """Whether it will never strike again."""
        return self.times is not None and self.struck >= self.times * len(self.faults)

    def strike(self, ask: Ask, answer: Answer) -> tuple[Answer, Fault | None]:
        """The answer to send, and the fault that made it another one."""
        if self.is_over or not self.when(ask):
            return answer, None
        address = f"{ask.port} {ask.path}?{ask.query}"
        fault = self.faults[self.struck % len(self.faults)]
        struck = fault.strike(Encounter(ask, answer, self._uses[address]))
        self._uses[address] += 1
        if struck is None:
            return answer, None
        self.seen += 1
        if self.seen <= self.after:
            return answer, None
        self.struck += 1
        is_done = answer.is_done and (struck.is_done or self.with_effect)
        return replace(struck, is_done=is_done), fault


def compose_injection(
    faults: Sequence[Fault],
    *,
    when: When,
    times: int | None,
    after: int,
    with_effect: bool = False,
) -> Injection:
    """Faults ready to lie in wait.

    Raises UsageWrong where they could never strike.
    """
    if not faults or after < 0 or (times is not None and times < 1):
        raise UsageWrong(
            "these faults could never strike",
            why=f"faults: {len(faults)}, times: {times}, after: {after}",
            mend="name a fault, times of 1 or more (None is always), and after of 0 or more",
        )
    return Injection(tuple(faults), when, times, after, with_effect)


def strike_all(
    injections: Sequence[Injection], ask: Ask, answer: Answer
) -> tuple[Answer, list[Fault]]:
    """The answer to send when each has struck in turn, and the faults that did."""
    struck = []
    for injection in injections:
        answer, fault = injection.strike(ask, answer)
        struck += [] if fault is None else [fault]
    return answer, struck
