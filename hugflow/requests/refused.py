"""Refused request files, and which datasets they ask for as far as that can be read."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from os.path import normpath
from pathlib import PurePath

from pydantic import ValidationError

from hugflow.late_dataclass import dataclass
from hugflow.requests.fields import parse_fields
from hugflow.requests.match_names import fits_several, is_below
from hugflow.requests.model import AddRequest
from hugflow.requests.problems import Problem
from hugflow.requests.read import request_kind

_IDENTITY_FIELDS = ("hf_id", "subset", "split", "revision")


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """One refused file.

    hf_id: None if it cannot be read, and of a removal.
    name: the dataset's name; None if it cannot be read or if the file asks for several.
    problems: at least one.
    """

    path: str
    hf_id: str | None
    name: str | None
    problems: tuple[Problem, ...]

    def is_meant(self, wanted: str) -> bool:
        """Whether `wanted` is its path, a folder above it, its hf_id or its dataset's name."""
        return is_below(self.path, normpath(wanted)) or wanted in (self.hf_id, self.name)


def collect_refused(
    problems: Iterable[Problem], files: Mapping[str, bytes]
) -> tuple[RefusedFile, ...]:
    """The refused files; `files` holds what could be read of them, by path."""
    refused = []
    for path, group in groupby(sorted(problems, key=_path_of), key=_path_of):
        hf_id, name = _read_dataset(path, files.get(path, b""))
        refused.append(RefusedFile(path, hf_id, name, tuple(group)))
    return tuple(refused)


def find_refused(
    refused: Sequence[RefusedFile], wanted: str, found: Sequence[str] = ()
) -> list[RefusedFile]:
    """The refused files that a person means.

    wanted: a file, a folder, an hf_id, a name or the beginning of one.
    found: names of the datasets, not refused, that `wanted` means; if there is one, the beginning
        of a name means nothing else.
    Raises UsageWrong if it is the beginning of several names.
    """
    meant = [each for each in refused if each.is_meant(wanted) or each.name in found]
    if meant or found or not wanted:
        return meant
    begun = [each for each in refused if each.name is not None and each.name.startswith(wanted)]
    names = sorted({each.name or "" for each in begun})
    if len(names) > 1:
        raise fits_several(wanted, names)
    return begun


def _path_of(problem: Problem) -> str:
    return problem.path


def _read_dataset(path: str, data: bytes) -> tuple[str | None, str | None]:
    """The hf_id and the dataset's name, from the fields that are valid by themselves."""
    if request_kind(PurePath(path)) == "remove":
        return None, None
    written = parse_fields(data.decode("utf-8-sig", "replace"), path).by_name
    values = {
        field: written[field].value
        for field in _IDENTITY_FIELDS
        if field in written and not written[field].is_refused
    }
    for fields in (values, {"hf_id": values.get("hf_id")}):
        try:
            request = AddRequest.model_validate({**fields, "description": "not looked at"})
        except ValidationError:
            continue
        is_one = fields is values and not written.keys() & {"expand", "hf_collection"}
        return request.hf_id, request.name if is_one else None
    return None, None
