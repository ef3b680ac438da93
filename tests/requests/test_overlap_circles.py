"""Datasets that wait for each other by `no_overlap_with`."""

import pytest

from hugflow.requests.model import AddRequest
from hugflow.requests.overlap_circles import find_circles


def request(name: str, *others: str, split: str = "train") -> AddRequest:
    return AddRequest(hf_id=f"acme/{name}", description="x", split=split, no_overlap_with=[*others])


def name_of(name: str, split: str = "train") -> str:
    return request(name, split=split).name


@pytest.mark.parametrize(
    "words",
    [("acme/b", "acme/a"), ("acme/b#train", "acme/a#train"), (name_of("b"), "acme/a")],
)
def test_two_datasets_that_name_each_other_do_not_wait(words: tuple[str, str]):
    assert find_circles([request("a", words[0]), request("b", words[1])]) == {}


def test_a_circle_of_three_is_found_from_each_of_them():
    requests = [request("a", "acme/b"), request("b", "acme/c"), request("c", "acme/a")]
    assert find_circles(requests) == {
        name_of("a"): (name_of("b"), name_of("c")),
        name_of("b"): (name_of("c"), name_of("a")),
        name_of("c"): (name_of("a"), name_of("b")),
    }


@pytest.mark.parametrize(
    "requests",
    [
        [request("a", "acme/b"), request("b")],
        [request("a", "acme/b"), request("b", "acme/c"), request("c")],
        [request("a", "acme/elsewhere"), request("b", "acme/a")],
        [request("a", "acme/b#test"), request("b", "acme/a")],
        # Its own splits: `acme/a` means the other one.
        [request("a", "acme/a"), request("a", split="test")],
    ],
)
def test_what_waits_for_others_alone_is_in_no_circle(requests: list[AddRequest]):
    assert find_circles(requests) == {}


@pytest.mark.parametrize(
    "words", [("acme/b#train", "acme/c#train", "acme/a#train"), tuple(map(name_of, "bca"))]
)
def test_a_circle_is_found_however_its_datasets_are_named(words: tuple[str, str, str]):
    requests = [request(name, word) for name, word in zip("abc", words, strict=True)]
    assert len(find_circles(requests)) == 3


def test_one_outside_a_circle_is_not_in_it_although_it_waits_for_it():
    circle = [request("a", "acme/b"), request("b", "acme/c"), request("c", "acme/a")]
    assert name_of("d") not in find_circles([*circle, request("d", "acme/a")])


def test_splits_that_all_name_their_hf_id_do_not_wait():
    splits = ("train", "validation", "test")
    assert find_circles([request("a", "acme/a", split=split) for split in splits]) == {}
