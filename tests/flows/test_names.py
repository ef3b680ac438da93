"""Which ids are taken, and which packages they become."""

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.errors import FlowModuleConflict, FlowModuleIdInvalid
from hugflow.flows import flow_verse
from hugflow.flows.names import is_local, parse_module_id, parse_revision
from hugflow.testing.hub import LoopbackHub
from tests.flows.hub import publish

PART = st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,20}[A-Za-z0-9_])?", fullmatch=True)


@pytest.mark.parametrize(
    "url",
    [
        *("../x/y", "a/b/c", "/etc", "a/..", "a b/c", "", "a/", "/b", "ä/b", "a/ß", "-a/b", "a/b-"),
        *(".a/b", "a/b.", "a//b", "a/b\n", "a/b\0", "a--b/c", "a/b..c", "a\\b/c", "a/b.git"),
        *("a/b:main", "x" * 200, "a/" + "b" * 97, None, 3, b"a/b"),
    ],
)
def test_what_is_no_user_and_repo_is_a_value_error_before_the_network_is_asked(
    url: object, hub: LoopbackHub, tmp_path: object
):
    with pytest.raises(ValueError, match="module"):
        flow_verse.sync_dependencies([{"url": url}], root=str(tmp_path), endpoint=hub.endpoint)
    assert hub.requests == ()


@pytest.mark.parametrize(
    ("url", "package"),
    [
        ("saibo/ChatFlows", "flow_modules.saibo.ChatFlows"),
        ("1234/Chat", "flow_modules.user_1234.Chat"),
        ("1/Chat", "flow_modules.user_1.Chat"),
        ("1-a/Chat", "flow_modules.user_1_a.Chat"),
        ("class/Chat", "flow_modules.user_class.Chat"),
        ("a-b.c/My-Flow.v2", "flow_modules.a_b_c.My_Flow_v2"),
    ],
)
def test_the_package_of_an_id_is_what_python_can_import(url: str, package: str):
    assert parse_module_id(url).package == package


@pytest.mark.parametrize("url", ["1234/6789", "a/1st", "a/class", "a/None", "a/__init__"])
def test_a_repository_that_python_cannot_import_is_named(url: str):
    with pytest.raises(ValueError, match=url.split("/")[1]):
        parse_module_id(url)


@given(user=PART, repo=PART)
def test_every_id_that_is_taken_gives_a_package_that_python_can_import(user: str, repo: str):
    try:
        module = parse_module_id(f"{user}/{repo}")
    except ValueError:
        return
    parts = module.package.split(".")
    assert len(parts) == 3
    assert all(part.isidentifier() and not keyword.iskeyword(part) for part in parts)
    assert str(parse_module_id(str(module))) == f"{user}/{repo}"


@given(st.text(max_size=40))
def test_no_text_leads_out_of_flow_modules(text: str):
    try:
        module = parse_module_id(text)
    except ValueError:
        return
    assert len(module.path.parts) == 2
    assert not {".", "..", ""} & set(module.path.parts)


@pytest.mark.parametrize("revision", ["main", "feature/x-1.2", "v1.0", "refs/pr/3", "abc1234"])
def test_branches_tags_pull_requests_and_commits_are_revisions(revision: str):
    assert parse_revision(revision, parse_module_id("a/b")) == revision
    assert not is_local(revision)


@pytest.mark.parametrize("revision", ["", "a b", "a..b", "-a", "a/", "a:b", "a\nb", 3, "./a\tb"])
def test_what_git_allows_in_no_name_is_no_revision(revision: object):
    with pytest.raises(FlowModuleIdInvalid):
        parse_revision(revision, parse_module_id("a/b"))


@pytest.mark.parametrize("other", ["acme/My_Flow", "acme/my-flow"])
def test_two_ids_of_one_package_are_both_named_and_the_first_stays(
    other: str, module_hub: LoopbackHub, root: object
):
    for repo in ("acme/My-Flow", other):
        publish(module_hub, repo, {"__init__.py": f"name = {repo!r}\n"})
    [folder] = flow_verse.sync_dependencies([{"url": "acme/My-Flow"}], endpoint=module_hub.endpoint)
    with pytest.raises(FlowModuleConflict) as conflict:
        flow_verse.sync_dependencies([{"url": other}], endpoint=module_hub.endpoint)
    assert "acme/My-Flow" in conflict.value.what
    assert other in conflict.value.what
    assert (folder / "__init__.py").read_text() == "name = 'acme/My-Flow'\n"


def test_a_user_that_begins_with_a_digit_gets_a_prefix_and_the_import_is_told(
    module_hub: LoopbackHub, root: object, caplog: pytest.LogCaptureFixture
):
    publish(module_hub, "1234/Chat", {"__init__.py": "name = 'chat'\n"})
    flow_verse.sync_dependencies([{"url": "1234/Chat"}], endpoint=module_hub.endpoint)
    assert "1234/Chat is imported as flow_modules.user_1234.Chat" in caplog.text
    from flow_modules.user_1234.Chat import name  # type: ignore[import-not-found]

    assert name == "chat"
