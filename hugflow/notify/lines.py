"""The lines of a conversation, from its request files."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from hugflow.notify.conversation import Line, PlanFacts
from hugflow.redact import redact
from hugflow.requests.collect import RequestSet
from hugflow.requests.problems import Problem, show_path


def to_lines(requests: RequestSet, facts: Mapping[str, PlanFacts] | None = None) -> list[Line]:
    """One line for each file, or dataset of it, sorted by path; facts: the plans, by dataset.

    Two kinds of requests need no work: an add that a removal overrides, and a removal without
    effect. Their lines have a remark and stay pending.
    """
    facts = facts or {}
    remarks: defaultdict[str, list[str]] = defaultdict(list)
    for warning in requests.warnings:
        remarks[warning.path].append(show_path(f"{warning.what}: {warning.why}"))
    problems: defaultdict[str, list[Problem]] = defaultdict(list)
    for problem in requests.problems:
        problems[problem.path].append(problem)
    found = {path: Line(path, problems=tuple(each)) for path, each in problems.items()}
    adds = (*requests.adds, *requests.shadowed)
    files = Counter(add.path for add in adds)
    for add in adds:
        request, is_made = add.request, add in requests.adds
        # Of a file that asks for several datasets, each has a line.
        path = add.path if files[add.path] == 1 else f"{add.path}#{request.name}"
        found[path] = Line(
            path=path,
            dataset=request.name,
            hf_id=request.hf_id,
            request=request.digest,
            facts=facts.get(request.name) if is_made else None,
            remarks=tuple(remarks[add.path]),
            is_idle=not is_made,
            publish_to=redact(request.publish_to) if request.publish_to is not None else None,
        )
    for removal in requests.removals:
        identity = removal.identity
        nothing = ("it means no dataset that is stored or asked for",)
        found[removal.line] = Line(
            path=removal.line,
            kind="remove",
            dataset=identity.name if identity is not None else None,
            hf_id=removal.request.hf_id,
            request=removal.request.digest,
            remarks=(*remarks[removal.path], *(nothing if identity is None else ())),
            is_idle=identity is None,
        )
    return [found[path] for path in sorted(found)]
