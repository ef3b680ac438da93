"""All request files of one state of main, and what they ask for together.

Files in, values out. A bad file is reported and hides no other file.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from hugflow.late_dataclass import dataclass
from hugflow.requests.expand import ExpandSpec
from hugflow.requests.model import AddRequest, Identity, Kind, RemoveRequest
from hugflow.requests.overlap_circles import find_circles
from hugflow.requests.problems import Problem, RequestFileInvalid
from hugflow.requests.read import parse_request

# If more removals than this come together, each must be confirmed.
MOST_TOGETHER = 3


@dataclass(frozen=True, slots=True)
class AddFile:
    """An add, and the file that asks for it."""

    path: str
    request: AddRequest


@dataclass(frozen=True, slots=True)
class RemovalFile:
    """A removal, its file, and the dataset that it means.

    identity: None if it means no stored or requested dataset; then there is nothing to do.
    together: how many datasets the file means; each has a RemovalFile.
    """

    path: str
    request: RemoveRequest
    identity: Identity | None
    together: int = 1

    @property
    def line(self) -> str:
        """What names it among others: its file, and the dataset if the file means several."""
        if self.identity is None or self.together == 1:
            return self.path
        return f"{self.path}#{self.identity.name}"


@dataclass(frozen=True, slots=True)
class RequestSet:
    """The requests of a set of files; each tuple is sorted by path.

    adds: adds to carry out, one for each identity.
    removals: removals to carry out, one for each dataset of a file.
    shadowed: adds that wait because a removal of the same identity exists; each has a warning.
    problems: why files are refused.
    warnings: what is odd about accepted files.
    """

    adds: tuple[AddFile, ...]
    removals: tuple[RemovalFile, ...]
    shadowed: tuple[AddFile, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class ParsedFiles:
    """Request files, each parsed by itself, sorted by path; problems: why files are refused."""

    adds: tuple[AddFile, ...]
    removals: tuple[tuple[str, RemoveRequest], ...]
    problems: tuple[Problem, ...]


def collect_requests(
    files: Mapping[str, bytes],
    *,
    stored: Iterable[Identity] = (),
    settled: Mapping[str, Sequence[Identity]] | None = None,
    kinds: Mapping[str, Kind] | None = None,
) -> RequestSet:
    """Parse the files, given by path, and settle how they affect each other.

    kinds: add or remove, by path, for files whose path does not say it. The rest: see
        `settle_requests`.
    """
    return settle_requests(parse_files(files, kinds=kinds), stored=stored, settled=settled)


def parse_files(
    files: Mapping[str, bytes], *, kinds: Mapping[str, Kind] | None = None
) -> ParsedFiles:
    """Parse the files, given by path, one by one; takes about a millisecond each."""
    adds: list[AddFile] = []
    removals: list[tuple[str, RemoveRequest]] = []
    problems: list[Problem] = []
    for path in sorted(files):
        try:
            request = parse_request(files[path], path, kind=(kinds or {}).get(path))
        except RequestFileInvalid as error:
            problems += error.problems
            continue
        if isinstance(request, AddRequest):
            adds.append(AddFile(path, request))
        else:
            removals.append((path, request))
    return ParsedFiles(tuple(adds), tuple(removals), tuple(problems))


def settle_requests(
    parsed: ParsedFiles,
    *,
    stored: Iterable[Identity] = (),
    settled: Mapping[str, Sequence[Identity]] | None = None,
) -> RequestSet:
    """Settle how the files affect each other.

    stored: identities of the stored datasets. A removal means one of these first, then a requested
        one.
    settled: the identities that a removal meant when it was carried out, by digest. Without it, a
        removal that only has `hf_id` would later mean the next dataset with that id.
    """
    problems = list(parsed.problems)
    removals: list[RemovalFile] = []
    known = set(stored)
    for path, removal in parsed.removals:
        meant = _find_meant(removal, (settled or {}).get(removal.digest, ()), known, parsed.adds)
        if removal.expand is not None and meant:
            removals += [RemovalFile(path, removal, each, len(meant)) for each in meant]
        elif len(meant) > 1:
            problems.append(_ambiguous(path, meant))
        else:
            removals.append(RemovalFile(path, removal, next(iter(meant), None)))

    chosen, conflicts, warnings = _choose_adds(parsed.adds)
    path_by_removed = {removal.identity: removal.path for removal in removals}
    shadowed = [file for file in chosen if file.request.identity in path_by_removed]
    warnings += [_shadow(file, path_by_removed[file.request.identity]) for file in shadowed]
    return RequestSet(
        adds=tuple(file for file in chosen if file.request.identity not in path_by_removed),
        removals=tuple(removals),
        shadowed=tuple(shadowed),
        problems=_by_path(problems + conflicts),
        warnings=_by_path(warnings),
    )


def match_removal(removal: RemoveRequest, identities: Iterable[Identity]) -> tuple[Identity, ...]:
    """Identities that a removal may mean: none, one, or several to choose from, sorted by name.

    Every field of the removal must match. If several identities match and the removal has more
    fields than `hf_id`, its missing fields take their defaults, as in the add file that it repeats.
    With `expand`, it means all that an add file with the same fields may have become.
    """
    if removal.expand is not None:
        fitting = {each for each in identities if _is_of_pattern(removal, removal.expand, each)}
        return tuple(sorted(fitting, key=lambda identity: identity.name))
    agreeing = {identity for identity in identities if _is_meant(removal, identity)}
    repeated = Identity(
        removal.hf_id, removal.subset, removal.split or "train", removal.revision or "main"
    )
    if removal.said and repeated in agreeing:
        return (repeated,)
    return tuple(sorted(agreeing, key=lambda identity: identity.name))


def is_unconfirmed(removal: RemoveRequest, together: int) -> bool:
    """Whether a removal came with too many others and has no `confirm: true`.

    together: how many removals came to main at the same time, this one included; or how many
        datasets its file means, if these are more.
    """
    return together > MOST_TOGETHER and not removal.confirm


def _is_meant(removal: RemoveRequest, identity: Identity) -> bool:
    return identity.hf_id == removal.hf_id and all(
        getattr(identity, field) == value for field, value in removal.said.items()
    )


def _is_of_pattern(removal: RemoveRequest, spec: ExpandSpec, identity: Identity) -> bool:
    is_subset = (
        identity.subset == removal.subset
        if spec.subsets is None
        else spec.takes(identity.subset or "default")
    )
    is_split = spec.splits is not None or identity.split == (removal.split or "train")
    is_same = (identity.hf_id, identity.revision) == (removal.hf_id, removal.revision or "main")
    return is_same and is_subset and is_split


def _find_meant(
    removal: RemoveRequest,
    settled: Sequence[Identity],
    stored: Iterable[Identity],
    asked: Iterable[AddFile],
) -> tuple[Identity, ...]:
    if removal.expand is not None:
        requested = (file.request.identity for file in asked if not file.request.is_several)
        return match_removal(removal, [*settled, *stored, *requested])
    if settled and _is_meant(removal, settled[-1]):
        return (settled[-1],)
    return match_removal(removal, stored) or match_removal(
        removal, (file.request.identity for file in asked)
    )


def _choose_adds(
    asked: Sequence[AddFile],
) -> tuple[list[AddFile], list[Problem], list[Problem]]:
    """One file for each identity, why others are refused, and what is odd about the rest."""
    chosen: list[AddFile] = []
    problems: list[Problem] = []
    warnings: list[Problem] = []
    for same in _group(asked, lambda file: file.request.identity):
        if differing := _differing_fields(same):
            problems += [_conflict(file, same, differing) for file in same]
        else:
            chosen.append(same[0])
            warnings += [_repetition(file, same[0]) for file in same[1:]]
    # An attacker can make eight hex digits collide; then neither request gets the folder.
    for twins in _group(chosen, lambda file: file.request.name):
        if len(twins) > 1:
            problems += [_one_name(file, twins) for file in twins]
            chosen = [file for file in chosen if file not in twins]
    for alike in _group(chosen, lambda file: file.request.name.casefold()):
        warnings += [_differs_in_case(file, alike[0]) for file in alike[1:]]
    publishing = [file for file in chosen if file.request.publish_to is not None]
    for sharing in _group(publishing, _place_of):
        warnings += [_one_place(file, sharing[0]) for file in sharing[1:]]
    circles = find_circles(file.request for file in chosen if not file.request.is_several)
    path_by_name = {file.request.name: file.path for file in chosen}
    for name, others in circles.items():
        paths = [path_by_name[other] for other in others]
        warnings.append(_circle(path_by_name[name], others, paths))
    return chosen, problems, warnings


def _place_of(file: AddFile) -> str:
    place = (file.request.publish_to or "").removeprefix("hf://").removeprefix("datasets/")
    return place.rstrip("/")


def _group(files: Iterable[AddFile], key: Callable[[AddFile], Hashable]) -> Iterable[list[AddFile]]:
    groups: defaultdict[Hashable, list[AddFile]] = defaultdict(list)
    for file in files:
        groups[key(file)].append(file)
    return groups.values()


def _differing_fields(files: Sequence[AddFile]) -> list[str]:
    first = files[0].request
    return [
        field
        for field in AddRequest.model_fields
        if any(getattr(file.request, field) != getattr(first, field) for file in files)
    ]


def _conflict(file: AddFile, same: Sequence[AddFile], differing: Sequence[str]) -> Problem:
    what = f"asks for the same dataset as {_others(file, same)}, but differs in "
    return _about(
        file.path,
        what + ", ".join(differing),
        "one dataset is built in one way, and neither file comes before the other",
        "keep one of the files, or make them differ in subset, split or revision",
    )


def _repetition(file: AddFile, first: AddFile) -> Problem:
    return _about(
        file.path,
        f"says the same as {first.path}",
        "one dataset needs one request",
        "delete one of the two files",
    )


def _one_name(file: AddFile, twins: Sequence[AddFile]) -> Problem:
    return _about(
        file.path,
        f"asks for another dataset than {_others(file, twins)}, whose folder has the same name",
        "two datasets never share a folder",
        "delete one of the files",
    )


def _differs_in_case(file: AddFile, first: AddFile) -> Problem:
    return _about(
        file.path,
        f"asks for a dataset whose name differs from that of {first.path} in case only",
        "a disk that ignores case takes both for one folder",
        "delete one of the files, unless they are two datasets on a disk that respects case",
    )


def _one_place(file: AddFile, first: AddFile) -> Problem:
    return _about(
        file.path,
        f"publishes to the same place as {first.path}",
        "a place takes the versions of one dataset: that of the other is refused there",
        "give each its own repository or folder in publish_to",
    )


def _circle(path: str, others: Sequence[str], paths: Sequence[str]) -> Problem:
    differing = dict.fromkeys(other for other in paths if other != path)
    return _about(
        path,
        f"is in a circle with {', '.join(differing or others)}: see no_overlap_with",
        "each waits until the next one is published, so that the first of them never is",
        "delete one of these lines of no_overlap_with, or let two of them name each other",
    )


def _shadow(file: AddFile, removal: str) -> Problem:
    return _about(
        file.path,
        f"is shadowed by {removal}",
        "while a removal request exists, its dataset stays removed",
        "delete the removal to have the dataset again, or delete this file",
    )


def _ambiguous(path: str, meant: Sequence[Identity]) -> Problem:
    names = ", ".join(identity.name for identity in meant)
    return _about(
        path,
        f"may mean {len(meant)} datasets: {names}",
        "a removal is carried out when it means exactly one, and is never guessed",
        "write the revision, the subset and the split as the add file has them",
    )


def _others(file: AddFile, files: Sequence[AddFile]) -> str:
    return ", ".join(other.path for other in files if other is not file)


def _about(path: str, what: str, why: str, mend: str) -> Problem:
    return Problem(path, None, None, None, what, why, mend)


def _by_path(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Sorted, each once: a file that asks for several datasets repeats it for each of them."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda problem: problem.path))
