"""Which commit of main brought a request, asked of real repositories."""

import pytest

from hugflow.clients.history import DEPTH, fetch_catalog
from hugflow.clients.remote import Remote
from hugflow.requests.catalog import ArrivalOnMain, Catalog
from tests.clients.test_git import World, git

ADD, OTHER = "requests/add/speech.yaml", "requests/add/other.yaml"


@pytest.fixture
def world(tmp_path):  # type: ignore[no-untyped-def]
    return World(tmp_path)


def fetch(world: World, before: Catalog | None = None) -> Catalog:
    return fetch_catalog(Remote(str(world.bare)), world.mirror, before)


def merge(world: World, files: dict[str, str], title: str) -> str:
    """Bring files to main by a branch of two commits and a merge, as a pull request does."""
    git(world.work_tree, "checkout", "--quiet", "-b", "topic")
    for name, text in files.items():
        world.push({name: text}, branch="topic")
    git(world.work_tree, "checkout", "--quiet", "-")
    git(world.work_tree, "merge", "--quiet", "--no-ff", "--message", title, "topic")
    git(world.work_tree, "branch", "--quiet", "--delete", "topic")
    git(world.work_tree, "push", "--quiet", str(world.bare), "HEAD:main")
    return git(world.work_tree, "rev-parse", "HEAD")


def test_a_request_is_known_by_the_merge_that_brought_it(world: World):
    world.push({"README.md": "begin"})
    merged = merge(world, {ADD: "one", OTHER: "two"}, "Merge pull request #12 from ada/speech")
    head = world.push({"README.md": "more"})
    catalog = fetch(world)
    title = "Merge pull request #12 from ada/speech"
    for path in (ADD, OTHER):
        assert catalog.asked_by_path[path] == ArrivalOnMain(
            head, 0, merged, "Ada", "ada@example.org", title
        )
    assert catalog.asked_by_path[ADD].pull_request == 12


def test_what_was_known_of_a_file_stays_until_the_file_changes(world: World):
    first = world.push({ADD: "one", OTHER: "two"})
    before = fetch(world)
    second = world.push({OTHER: "three"})
    after = fetch(world, before)
    assert after.asked_by_path[ADD] == before.asked_by_path[ADD]
    assert after.asked_by_path[ADD].since == first
    assert (after.asked_by_path[OTHER].since, after.asked_by_path[OTHER].commit) == (second, second)


def test_files_that_came_together_have_the_same_since(world: World):
    world.push({"README.md": "begin"})
    fetch(world)
    world.push({ADD: "one"})
    head = world.push({OTHER: "two"})
    asked = fetch(world).asked_by_path
    assert {asked[ADD].since, asked[OTHER].since} == {head}
    assert asked[ADD].commit != asked[OTHER].commit


def test_how_many_removals_came_together_stays_known_when_others_of_them_change(world: World):
    files = {f"requests/remove/{n}.yaml": "one" for n in range(4)}
    world.push({ADD: "one", **files})
    before = fetch(world)
    assert {how.together for how in before.asked_by_path.values()} == {4}
    world.push({"requests/remove/0.yaml": "two"})
    together = {path: how.together for path, how in fetch(world, before).asked_by_path.items()}
    assert together["requests/remove/0.yaml"] == 1
    assert together["requests/remove/1.yaml"] == 4


def test_what_is_older_than_what_is_fetched_has_no_known_commit(world: World):
    world.push({ADD: "one"})
    for number in range(DEPTH + 1):
        head = world.push({"README.md": str(number)})
    assert fetch(world).asked_by_path == {ADD: ArrivalOnMain(head)}


def test_a_title_cannot_break_out_of_its_line_or_speak_for_another_file(world: World):
    world.push({"README.md": "begin"})
    world.push({ADD: "one"})
    title = f"x\x1b[31m{OTHER} " + "y" * 5000
    git(world.work_tree, "commit", "--quiet", "--amend", "--message", title)
    git(world.work_tree, "push", "--quiet", "--force", str(world.bare), "HEAD:main")
    asked = fetch(world).asked_by_path
    assert set(asked) == {ADD}
    told = asked[ADD].title or ""
    assert "\x1b" not in told
    assert len(told) == 200


def test_the_configuration_of_main_comes_with_its_requests(world: World):
    world.push({ADD: "one", "hugflow.yaml": "policy: {}\n", "sub/hugflow.yaml": "no"})
    catalog = fetch(world)
    assert catalog.config == b"policy: {}\n"
    assert set(catalog.data_by_path) == {ADD}


def test_where_history_cannot_be_had_the_requests_are_read_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    from hugflow.clients import history
    from hugflow.clients.git_program import GitFailed

    def refuse(*_: object, **__: object) -> None:
        raise GitFailed("it cannot be fetched", why="the remote has gone", mend="wait")

    head = world.push({ADD: "one"})
    monkeypatch.setattr(history, "fetch_branch", refuse)
    assert fetch(world).asked_by_path == {ADD: ArrivalOnMain(head)}
