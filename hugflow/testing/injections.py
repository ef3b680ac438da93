"""The injected faults of a stand-in, and how often each has struck."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import field, replace

from hugflow.errors import UsageWrong
from hugflow.late_dataclass import dataclass
from hugflow.testing.exchange import Ask, Response
from hugflow.testing.faults import Encounter, Fault, Match

When = Match | Callable[[Ask], bool]


@dataclass(slots=True, eq=False)
class Injection:
    """Injected faults, with their counts.

    with_effect: the requested effect happens, although the answer is lost.
    seen: requests that they could have struck, including the first `after`.
    struck: answers that they changed.
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
        """Whether they will never strike again."""
        return self.times is not None and self.struck >= self.times * len(self.faults)

    def strike(self, ask: Ask, answer: Response) -> tuple[Response, Fault | None]:
        """The answer to send, and the fault that changed it."""
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
    """Make an injection of faults.

    Raises UsageWrong when they could never strike.
    """
    if not faults or after < 0 or (times is not None and times < 1):
        raise UsageWrong(
            "these faults could never strike",
            why=f"faults: {len(faults)}, times: {times}, after: {after}",
            mend="name a fault, times of 1 or more (None is always), and after of 0 or more",
        )
    return Injection(tuple(faults), when, times, after, with_effect)


def strike_all(
    injections: Sequence[Injection], ask: Ask, answer: Response
) -> tuple[Response, list[Fault]]:
    """The answer to send after each has struck in turn, and the faults that struck."""
    struck = []
    for injection in injections:
        answer, fault = injection.strike(ask, answer)
        struck += [] if fault is None else [fault]
    return answer, struck
