"""The policy: what it may say, and what a request may ask for under it."""

import pytest

from hugflow.requests.policy import (
    Policy,
    PolicyInvalid,
    PolicyRefuses,
    read_policy,
    refuse_plan,
    refuse_request,
)

FULL = b"""\
parents: [anything]
policy:
  licences: [cc0-1.0, CC-BY-4.0]
  largest_gb: 1.5
  owners: ["team:speech", "*@example.org"]
  removers: [ada]
settings:
  WORKERS: 2
"""


def test_without_a_policy_everything_is_allowed():
    for data in (None, b"", b"settings: {WORKERS: 2}\n", b"policy:\n", b"policy: {}\n"):
        policy = read_policy(data)
        assert policy == Policy()
        refuse_request(policy, "x", None)
        refuse_plan(policy, "x", None, 10**15)
        assert policy.allows_remover(None)


def test_what_stands_beside_the_policy_is_none_of_its_business():
    policy = read_policy(FULL)
    assert policy.licences == ("cc0-1.0", "CC-BY-4.0")
    assert policy.largest_gb == 1.5


@pytest.mark.parametrize(
    ("policy", "allowed", "refused"),
    [
        (
            "",
            ["acme/copy", "hf://acme/copy", "s3://bucket/sets", "gs://bucket/sets"],
            ["file:///etc", "local://x", "ssh://host/x", "http://host/x", "memory://x"],
        ),
        (
            "policy: {publish_to: ['speech-team/*', 'file:///mnt/*']}",
            ["speech-team/a", "hf://speech-team/a", "hf://datasets/speech-team/a", "file:///mnt/a"],
            ["acme/copy", "s3://bucket/sets", "file:///etc", "hf://acme/copy"],
        ),
        ("policy: {publish_to: []}", [], ["acme/copy", "s3://bucket/sets"]),
    ],
)
def test_a_dataset_is_pushed_to_allowed_places_alone(
    policy: str, allowed: list[str], refused: list[str]
):
    found = read_policy(policy.encode())
    for place in allowed:
        refuse_request(found, "x", None, place)
    for place in refused:
        with pytest.raises(PolicyRefuses, match="does not allow to push to"):
            refuse_request(found, "x", None, place)


def test_a_licence_is_allowed_whatever_its_capitals():
    policy = read_policy(FULL)
    assert policy.allows_licence("CC0-1.0")
    assert policy.allows_licence("cc-by-4.0")
    assert not policy.allows_licence("cc-by-nc-4.0")
    assert not policy.allows_licence(None)


def test_a_star_stands_for_any_text():
    policy = read_policy(FULL)
    assert policy.allows_owner("ada@example.org")
    assert policy.allows_owner("team:speech")
    assert not policy.allows_owner("ada@elsewhere.org")
    assert not policy.allows_owner(None)


def test_somebody_may_remove_by_any_of_their_names():
    policy = read_policy(FULL)
    assert policy.allows_remover("Somebody", "ada")
    assert not policy.allows_remover("bob", None)


def test_an_empty_list_allows_nothing():
    assert not read_policy(b"policy: {licences: []}").allows_licence("cc0-1.0")


def test_a_refusal_names_what_is_allowed_and_how_to_go_on():
    policy = read_policy(FULL)
    with pytest.raises(PolicyRefuses, match="mit") as caught:
        refuse_plan(policy, "acme__speech", "mit", 1)
    assert "cc0-1.0, CC-BY-4.0" in caught.value.why
    with pytest.raises(PolicyRefuses, match=r"2\.0 GB") as caught:
        refuse_plan(policy, "acme__speech", "cc0-1.0", 2 * 10**9)
    assert "1.5 GB" in caught.value.why
    refuse_plan(policy, "acme__speech", "cc0-1.0", int(1.5 * 10**9))
    with pytest.raises(PolicyRefuses, match="no owner"):
        refuse_request(policy, "acme__speech", None)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("policy: [cc0-1.0]", "not a mapping"),
        ("policy: {licenses: [cc0-1.0]}", "licenses is unknown; did you mean licences"),
        ("policy: {hf_abcdefghijklmnop: 1}", "(not shown) is unknown"),
        ("policy: {licences: cc0-1.0}", "licences takes a list of words"),
        ("policy: {licences: [1.0]}", "licences takes a list of words"),
        ("policy: {largest_gb: lots}", "largest_gb takes a number above 0"),
        ("policy: {largest_gb: -1}", "largest_gb takes a number above 0"),
        ("policy: {largest_gb: .inf}", "largest_gb takes a number above 0"),
        ("policy: {largest_gb: true}", "largest_gb takes a number above 0"),
        ("policy: {}\npolicy: {}", "twice"),
        ("a: &a [1]\npolicy: {licences: *a}", "alias"),
        ("policy: !!python/object/apply:os.system [id]", "a tag (!) is used"),
        ("policy: {", "not YAML"),
        ("# " + "x" * 70_000, "larger than 64 KiB"),
        ("policy: " + "[" * 30_000, "nested deeper than 8 levels"),
        ("polcy: {}", "hugflow.yaml:1: polcy is an unknown key"),
        ("- policy", "not a mapping"),
        ("policy: {}\n---\npolicy: {}", "a second document"),
        ("# looks like a comment\u2028polcy: {}", "U+2028"),
        ("policy: {owners: {<<: {a: b}}}", "merged"),
        ("policy:\n  owners: [a]\n  owner: [b]\n", "hugflow.yaml:3: owner is unknown"),
    ],
)
def test_a_policy_that_cannot_be_read_is_not_an_empty_one(text: str, why: str):
    with pytest.raises(PolicyInvalid) as caught:
        read_policy(text.encode())
    assert why in caught.value.why
    assert caught.value.exit_code == 4


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(PolicyInvalid, match="cannot be read"):
        read_policy(b"policy: \xff")
