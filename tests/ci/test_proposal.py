"""What a pull request asks for, beside what stands on main."""

from hugflow.ci.changes import Changes
from hugflow.ci.proposal import propose
from hugflow.requests.problems import Problem
from hugflow.store.layout import Places


def add(hf_id: str, *lines: str) -> bytes:
    return "\n".join([f'hf_id: "{hf_id}"', 'description: "d"', *lines, ""]).encode()


def removal(hf_id: str) -> bytes:
    return f'hf_id: "{hf_id}"\nreason: "r"\n'.encode()


def test_main_s_own_requests_are_not_the_pull_request_s(places: Places):
    main = {"requests/add/a.yaml": add("a/a"), "requests/add/bad.yaml": b"?"}
    found = propose(places, main, Changes("0", {"requests/add/b.yaml": add("b/b")}))
    assert [each.path for each in found.adds] == ["requests/add/b.yaml"]
    assert not found.problems


def test_what_conflicts_with_main_is_refused_naming_main_s_file(places: Places):
    main = {"requests/add/a.yaml": add("a/a")}
    changes = Changes("0", {"requests/add/b.yaml": add("a/a", 'owner: "x"')})
    found = propose(places, main, changes)
    assert not found.adds
    (problem,) = found.problems
    assert "requests/add/a.yaml" in problem.what


def test_what_says_the_same_as_main_is_an_add_with_a_warning(places: Places):
    main = {"requests/add/a.yaml": add("a/a")}
    found = propose(places, main, Changes("0", {"requests/add/b.yaml": add("a/a")}))
    assert [each.path for each in found.adds] == ["requests/add/b.yaml"]
    assert [each.path for each in found.warnings] == ["requests/add/b.yaml"]


def test_a_request_that_moves_to_another_file_conflicts_with_nothing(places: Places):
    main = {"requests/add/a.yaml": add("a/a")}
    changes = Changes(
        "0",
        {"requests/add/b.yaml": add("a/a", 'owner: "x"')},
        deleted=frozenset({"requests/add/a.yaml"}),
    )
    found = propose(places, main, changes)
    assert [each.path for each in found.adds] == ["requests/add/b.yaml"]
    assert not found.problems


def test_an_add_waits_while_a_removal_stands_on_main(places: Places):
    main = {"requests/remove/a.yaml": removal("a/a")}
    found = propose(places, main, Changes("0", {"requests/add/a.yaml": add("a/a")}))
    assert not found.adds
    assert [each.path for each in found.shadowed] == ["requests/add/a.yaml"]


def test_a_removal_means_what_main_asks_for(places: Places):
    main = {"requests/add/a.yaml": add("a/a", "subset: x")}
    found = propose(places, main, Changes("0", {"requests/remove/a.yaml": removal("a/a")}))
    (file,) = found.removals
    assert file.identity is not None
    assert file.identity.subset == "x"


def test_a_file_that_is_none_is_a_problem_like_any_other(places: Places):
    link = Problem("requests/add/z.yaml", None, None, None, "is a link", "why", "mend")
    found = propose(places, {}, Changes("0", {"requests/add/a.yaml": b"!!python/x"}, (link,)))
    assert [each.path for each in found.problems] == ["requests/add/a.yaml", "requests/add/z.yaml"]
