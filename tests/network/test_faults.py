"""Each fault at each question of a whole job: the same tree, or one error that says where."""

from dataclasses import replace
from typing import Any

import pytest

from hugflow.errors import HugflowError
from hugflow.testing.faults import (
    BranchMoves,
    Fault,
    Flip,
    Gzip,
    IgnoreRange,
    LinkExpires,
    Match,
    Page,
    Reset,
    Shorten,
    Stall,
    Status,
    Truncate,
    WrongRange,
)
from hugflow.testing.hub import LoopbackHub
from tests.network.conftest import HF_ID, Sync, Tree, Undisturbed

# How many questions a run asks; a test holds the number.
QUESTIONS = 19
PASSING: list[Fault] = [
    Status(500),
    Status(502),
    Status(503, retry_after_s=60),
    Status(503, retry_after_s=5, as_date=True),
    Status(504),
    Status(408),
    Status(429),
    Status(429, retry_after_s=40),
    Status(429, rate_limit_s=50),
    Reset(),
    Reset(after_bytes=40),
    Truncate(0),
    Truncate(60),
    Stall(3 * 1.0),
    Stall(3 * 1.0, after_bytes=30),
    LinkExpires(),
    IgnoreRange(),
    WrongRange(),
    WrongRange(-4),
    Gzip(),
    Page(502),
]
# They change what is said, and none of it can be held against a hash but a file.
LYING: list[Fault] = [Page(), Shorten(50), Flip(-9), Flip(60), Flip(200), Flip(700)]
# What each ends with when it lasts, where the Hub says it, and where its storage does.
LASTING: list[tuple[Fault, int, int]] = [
    (Status(500), 7, 7),
    (Status(503, retry_after_s=3600), 7, 7),
    (Status(429, retry_after_s=7200, as_date=True), 7, 7),
    (Status(429, rate_limit_s=250), 7, 7),
    (Reset(), 7, 7),
    (Status(401), 5, 5),
    (Status(403), 5, 7),
    (Status(404), 4, 7),
    (Status(416), 7, 7),
    (Reset(after_bytes=40), 7, 7),
    (Truncate(30), 7, 7),
    (Page(502), 7, 7),
]

# One case in so many runs always, all of them in the soak.
SAMPLE = 34

pytestmark = pytest.mark.slow


def at_questions(faults: list[Any]) -> list[object]:
    """Each fault at each question, with the fault's own words before the number."""
    cases = [(fault, number) for fault in faults for number in range(QUESTIONS)]
    return [
        pytest.param(
            *(fault if isinstance(fault, tuple) else (fault,)),
            number,
            id=f"{fault[0] if isinstance(fault, tuple) else fault}-{number}",
            marks=() if at % SAMPLE == SAMPLE // 2 else pytest.mark.soak,
        )
        for at, (fault, number) in enumerate(cases)
    ]


@pytest.mark.parametrize(("fault", "number"), at_questions(PASSING))
def test_one_passing_fault_never_fails_a_run(
    hub: LoopbackHub, undisturbed: Undisturbed, sync: Sync, fault: Fault, number: int
):
    hub.inject(fault, when=question(undisturbed, number))
    assert sync() == undisturbed.trees[0]


@pytest.mark.parametrize(("fault", "number"), at_questions(LYING))
def test_one_answer_that_is_not_true_makes_no_other_tree(
    hub: LoopbackHub, undisturbed: Undisturbed, sync: Sync, fault: Fault, number: int
):
    hub.inject(fault, when=question(undisturbed, number))
    came = attempt(sync)
    if isinstance(came, HugflowError):
        assert HF_ID in str(came)
        # Of what the Hub says that files are, nothing but their bytes can tell that it is not so.
        came = sync(update="--update" in came.mend)
    assert came == undisturbed.trees[0]


@pytest.mark.parametrize(("fault", "of_hub", "of_storage", "number"), at_questions(LASTING))
def test_a_lasting_fault_ends_in_one_error_that_says_where(
    hub: LoopbackHub,
    undisturbed: Undisturbed,
    sync: Sync,
    fault: Fault,
    of_hub: int,
    of_storage: int,
    number: int,
):
    asked = question(undisturbed, number)
    injected = hub.inject(fault, when=asked, times=None)
    came = attempt(sync)
    if isinstance(came, HugflowError):
        assert injected.struck
        assert came.exit_code == (of_storage if asked.port == "storage" else of_hub), came
        is_of_file = "/resolve/" in asked.path or asked.port == "storage"
        assert f"{HF_ID}@" + f"{undisturbed.commit}:" * is_of_file in str(came)
    else:
        assert came == undisturbed.trees[0]
    hub.clear_faults()
    assert sync() == undisturbed.trees[0]


@pytest.mark.parametrize("number", range(0, QUESTIONS, 4))
def test_a_branch_that_moves_meanwhile_never_mixes_two_commits(
    hub: LoopbackHub, undisturbed: Undisturbed, sync: Sync, number: int
):
    hub.inject(BranchMoves(HF_ID, undisturbed.later), when=question(undisturbed, number))
    assert sync() == undisturbed.trees[0]


@pytest.mark.parametrize("number", range(1, QUESTIONS, 2))
def test_a_part_of_a_file_that_is_refused_once_is_asked_for_again(
    hub: LoopbackHub, undisturbed: Undisturbed, sync: Sync, number: int
):
    asked = question(undisturbed, number)
    hub.inject(Status(416), when=replace(asked, has_range=True))
    assert sync() == undisturbed.trees[0]


def test_every_question_of_a_run_has_its_number(undisturbed: Undisturbed):
    assert len(undisturbed.questions) == QUESTIONS


def attempt(sync: Sync) -> Tree | HugflowError:
    """The tree, or the error that there was instead."""
    try:
        return sync()
    except HugflowError as error:
        return error


def question(undisturbed: Undisturbed, number: int) -> Match:
    """One of the questions; those of the storage come with a part of the file, or all of it."""
    return undisturbed.questions[number]
