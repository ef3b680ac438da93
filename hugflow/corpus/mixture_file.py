"""A mixture of datasets, as people write it in `mixtures/<name>.yaml`.

seed: 7                            # another seed chooses other rows; default 0
hours: 100                         # shared among the parts by weight; absent: all rows
datasets:
  - dataset: "acme/speech#train"   # a name, or hf_id#split
    weight: 3                      # default 1
    keep: "snr > 15"               # as in a request
  - dataset: "acme/noise#train"
    hours: 5                       # of this part, whatever the others have

Weights and hours are finite numbers above 0.
"""

import hashlib
import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any, Final

from hugflow.errors import RequestInvalid, UsageWrong
from hugflow.late_dataclass import dataclass
from hugflow.nearest import nearest_name
from hugflow.requests.keep import KeepInvalid, parse_keep
from hugflow.show_key import show_key
from hugflow.store.atomic import read_file
from hugflow.trees.from_yaml import parse_yaml

_TOP: Final = ("seed", "hours", "datasets")
_PART: Final = ("dataset", "weight", "hours", "keep")
_MOST_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """One dataset of a mixture. hours: of it alone; weight: its share of the common hours."""

    dataset: str
    weight: float = 1.0
    hours: float | None = None
    keep: str | None = None


@dataclass(frozen=True, slots=True)
class Mixture:
    """A mixture. hours: shared by weight, None for all rows.

    file_digest: sha256 of the file, by which earlier versions knew it.
    """

    name: str
    seed: int
    hours: float | None
    parts: tuple[Part, ...]
    file_digest: str

    @property
    def digest(self) -> str:
        """sha256 of what it says, whatever its comments and spacing are."""
        parts = [[part.dataset, part.weight, part.hours, part.keep] for part in self.parts]
        return hashlib.sha256(json.dumps([self.seed, self.hours, parts]).encode()).hexdigest()


def read_mixture(path: Path) -> Mixture:
    """The mixture in a file.

    Raises RequestInvalid, with the file and what is wrong, and UsageWrong for no file.
    """
    try:
        data = read_file(path, _MOST_BYTES)
        tree = parse_yaml(data.decode())
    except OSError as error:
        raise UsageWrong(
            f"{path} cannot be read",
            why=error.strerror or str(error),
            mend="name the file of a mixture, such as mixtures/asr.yaml",
        ) from error
    except ValueError as error:
        raise _invalid(path, f"cannot be read: {error}") from error
    if tree.faults:
        fault = tree.faults[0]
        raise RequestInvalid(f"{path}:{fault.line}: {fault.what}", why=fault.why, mend=fault.mend)
    value = tree.root.plain if tree.root is not None else None
    top = _fields(path, value, _TOP, "the mixture")
    seed, hours, parts = top.get("seed", 0), top.get("hours"), top.get("datasets")
    if type(seed) is not int:
        raise _invalid(path, "seed is no whole number")
    if not isinstance(parts, list) or not parts:
        raise _invalid(path, "datasets is no list of datasets")
    read = tuple(_read_part(path, each) for each in parts)
    if len({part.dataset for part in read}) < len(read):
        raise _invalid(path, "a dataset is there twice")
    digest = hashlib.sha256(data).hexdigest()
    return Mixture(path.stem, seed, _positive(path, "hours", hours), read, digest)


def _read_part(path: Path, value: Any) -> Part:
    fields = _fields(path, value, _PART, "a dataset")
    name, keep = fields.get("dataset"), fields.get("keep")
    if not isinstance(name, str):
        raise _invalid(path, "a dataset has no name")
    if keep is not None:
        try:
            parse_keep(str(keep))
        except KeepInvalid as error:
            raise _invalid(path, f"keep of {name} cannot be read: {error}") from error
    weight = _positive(path, "weight", fields.get("weight", 1))
    hours = _positive(path, "hours", fields.get("hours"))
    return Part(name, weight or 1.0, hours, None if keep is None else str(keep))


def _fields(path: Path, value: Any, known: tuple[str, ...], what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _invalid(path, f"{what} is no list of fields")
    for name in value:
        if name not in known:
            near = nearest_name(str(name), known)
            hint = f"did you mean {near}?" if near is not None else f"{what} has {', '.join(known)}"
            raise RequestInvalid(
                f"{path}: {show_key(str(name))} is an unknown field",
                why=f"{what} has {', '.join(known)}",
                mend=hint,
            )
    return value


def _positive(path: Path, name: str, value: Any) -> float | None:
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and isfinite(value) and value > 0):
        raise _invalid(path, f"{name} is no number above 0")
    return float(value)


def _invalid(path: Path, what: str) -> RequestInvalid:
    return RequestInvalid(
        f"{path}: {what}",
        why="a mixture has seed, hours and datasets, each with dataset, weight, hours and keep",
        mend="correct the file: `seed: 1`, `hours: 100`, `datasets: [{dataset: NAME, weight: 1}]`",
    )
