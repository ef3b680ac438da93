"""The requests of a pull request, seen together with those on main."""

from collections.abc import Mapping

from hugflow.ci.changes import Changes
from hugflow.requests.collect import AddFile, RequestSet, parse_files
from hugflow.stages.standing.settled_requests import read_asked
from hugflow.store.layout import Places


def propose(places: Places, main: Mapping[str, bytes], changes: Changes) -> RequestSet:
    """What main would ask for after the merge, limited to this pull request.

    main: the request files on main, by path. A file that repeats another request is still an add,
        and is answered like the other.
    """
    files = {path: data for path, data in main.items() if path not in changes.deleted}
    parsed = parse_files({**files, **changes.data_by_path})
    asked, ours = read_asked(places, parsed), changes.paths
    problems = tuple(each for each in asked.problems if each.path in ours) + changes.problems
    refused = {each.path for each in problems}
    waiting = {file.request.identity for file in asked.shadowed}
    adds = [AddFile(each.path, each.request) for each in parsed.adds if each.path in ours - refused]
    return RequestSet(
        adds=tuple(each for each in adds if each.request.identity not in waiting),
        removals=tuple(each for each in asked.removals if each.path in ours),
        shadowed=tuple(each for each in adds if each.request.identity in waiting),
        problems=tuple(sorted(problems, key=lambda each: each.path)),
        warnings=tuple(each for each in asked.warnings if each.path in ours),
    )
