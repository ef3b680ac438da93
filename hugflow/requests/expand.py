"""A request's `expand:`: one file that asks for several subsets and splits of a dataset.

    expand: {splits: all}                        every split of the subset
    expand: {subsets: "en_*"}                    each subset that fits, `*` for all of them
    expand: {subsets: "*", splits: all}

Each becomes a dataset of its own, with its own name, partitions and state. Which there are is asked
of the Hub when the request is planned, and kept until it is planned again.
"""

from fnmatch import fnmatchcase
from typing import Any, Final

from hugflow.late_dataclass import dataclass
from hugflow.requests.grammar import MAX_SUBSET_CHARACTERS, FieldInvalid, refuse_unknown_keys
from hugflow.requests.grammar import subset as check_subset

_KEYS: Final = ("splits", "subsets")
_ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class ExpandSpec:
    """Which subsets and splits; None for the one that the request names.

    subsets: a pattern. splits: `all`.
    """

    subsets: str | None = None
    splits: str | None = None

    def takes(self, subset: str) -> bool:
        """Whether a subset fits the pattern."""
        return self.subsets is not None and fnmatchcase(subset, self.subsets)


def expand_spec(value: object) -> ExpandSpec:
    """Read `expand:`. Raises FieldInvalid."""
    if isinstance(value, ExpandSpec):
        return value
    mend = 'expand: {subsets: "en_*", splits: all}'
    if not isinstance(value, dict) or not value:
        raise FieldInvalid("is no mapping", mend=mend)
    refuse_unknown_keys(value, _KEYS)
    splits, subsets = value.get("splits"), value.get("subsets")
    if splits not in (None, _ALL):
        raise FieldInvalid("splits is not all", mend="splits: all; one split is named by `split`")
    if subsets is not None:
        if not isinstance(subsets, str):
            raise FieldInvalid("subsets is no pattern", mend='put it in quotes: subsets: "*"')
        check_subset(subsets)
    return ExpandSpec(subsets, splits)


EXPAND_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "properties": {
        "subsets": {"type": "string", "minLength": 1, "maxLength": MAX_SUBSET_CHARACTERS},
        "splits": {"enum": [_ALL]},
    },
}
