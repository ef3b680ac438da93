"""Faults can be written in a line of words, or as JSON, and mistakes are named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.errors import UsageWrong
from hugflow.testing.fault_text import KINDS, Order, parse_order, read_order, render_order
from hugflow.testing.faults import (
    BranchMoves,
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
    Throttle,
    Truncate,
    WrongRange,
)
from hugflow.testing.limits import PrimaryLimit, SecondaryLimit


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("reset", Order((Reset(),))),
        (
            "storage GET *.parquet reset:1000 x2",
            Order((Reset(1000),), Match(port="storage", method="GET", path="*.parquet"), times=2),
        ),
        ("status:503 status:500 +3", Order((Status(503), Status(500)), after=3)),
        ("status:429,retry_after_s=2,as_date=true", Order((Status(429, 2, as_date=True),))),
        (
            "storage throttle:250000 always",
            Order((Throttle(250_000),), Match(port="storage"), None),
        ),
        ("stall:0.5,100 always", Order((Stall(0.5, 100),), times=None)),
        ("link-expires:after_uses=1 always", Order((LinkExpires(after_uses=1),), times=None)),
        ("api README.md page", Order((Page(),), Match(port="api", path="README.md"))),
        ("branch-moves:acme/x,v1.0", Order((BranchMoves("acme/x", "v1.0"),))),
        (
            "truncate:1 shorten:2 flip:-1 ignore-range wrong-range:-7 gzip",
            Order((Truncate(1), Shorten(2), Flip(-1), IgnoreRange(), WrongRange(-7), Gzip())),
        ),
        (
            "github POST */comments reset with-effect x2",
            Order(
                (Reset(),),
                Match(port="github", method="POST", path="*/comments"),
                times=2,
                with_effect=True,
            ),
        ),
        (
            "slack */chat.update status:200,error_code=message_not_found",
            Order(
                (Status(200, error_code="message_not_found"),),
                Match(port="slack", path="*/chat.update"),
            ),
        ),
        (
            "secondary-limit:7,429 primary-limit",
            Order((SecondaryLimit(7, 429), PrimaryLimit())),
        ),
        (
            '{"faults": [{"fault": "page"}], "with_effect": true}',
            Order((Page(),), with_effect=True),
        ),
        (
            '{"faults": [{"fault": "status", "code": 503, "headers": {"X-A": "b"}}],'
            ' "when": {"has_range": true}, "times": null, "after": 1}',
            Order((Status(503, headers={"X-A": "b"}),), Match(has_range=True), None, 1),
        ),
    ],
)
def test_a_line_of_words_or_json_says_what_to_inject(text: str, order: Order):
    assert parse_order(text) == order


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "names no fault"),
        ("storage GET *.parquet", "names no fault"),
        ("rest:1000", "did you mean 'reset'"),
        ("storge reset", "did you mean 'storage'"),
        ("reset with-efect", "did you mean 'with-effect'"),
        ("reset:many", "after_bytes"),
        ("reset:1,2", "takes only after_bytes"),
        ("gzip:1", "no parameters"),
        ("status", "code"),
        ("status:503,retry=2", "not 'retry'"),
        ("reset x-1", "'x-1'"),
        ("reset x0", "never strike"),
        ("{", "no JSON"),
        ("{}", "faults"),
        ('{"faults": [{"fault": "rest"}]}', "did you mean 'reset'"),
        ('{"faults": [7]}', "None"),
        ('{"faults": []}', "never strike"),
        ('{"faults": [{"fault": "reset"}], "after": -1}', "never strike"),
        ('{"faults": [{"fault": "reset", "bytes": 7}]}', "after_bytes"),
        ('{"faults": [{"fault": "reset"}], "time": 2}', "'time'"),
        ('{"faults": [{"fault": "reset"}], "times": "often"}', "times"),
        ('{"faults": [{"fault": "reset"}], "when": "api"}', "no object"),
        ('{"faults": [{"fault": "reset"}], "when": {"port": "stroage"}}', "port"),
    ],
)
def test_what_cannot_be_read_is_named_with_a_way_to_write_it(text: str, hint: str):
    with pytest.raises(UsageWrong) as refused:
        parse_order(text)
    assert hint in f"{refused.value.why} {refused.value.mend}"
    assert "reset:1000" in refused.value.mend


@pytest.mark.parametrize("value", [None, 7, [], {"faults": {}}])
def test_a_value_that_is_no_order_is_refused(value: object):
    with pytest.raises(UsageWrong, match="faults"):
        read_order(value)


positions = st.none() | st.integers(0, 10**9)
faults = st.one_of(
    st.builds(
        Status,
        code=st.integers(200, 599),
        retry_after_s=positions,
        as_date=st.booleans(),
        rate_limit_s=positions,
        error_code=st.none() | st.sampled_from(["RepoNotFound", "EntryNotFound"]),
        headers=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    ),
    st.builds(Reset, after_bytes=positions),
    st.builds(Stall, seconds=st.floats(0, 1e6), after_bytes=positions),
    st.builds(Throttle, bytes_per_s=st.floats(0, 1e9)),
    st.builds(Truncate, after_bytes=st.integers(0)),
    st.builds(Shorten, to_bytes=st.integers(0)),
    st.builds(Flip, at=st.integers()),
    st.builds(LinkExpires, after_s=st.none() | st.floats(0, 1e6), after_uses=positions),
    st.builds(IgnoreRange),
    st.builds(WrongRange, shift=st.integers()),
    st.builds(Page, code=st.integers(200, 599)),
    st.builds(Gzip),
    st.builds(BranchMoves, repo_id=st.text(), revision=st.text(), branch=st.text()),
    st.builds(SecondaryLimit, retry_after_s=positions, code=st.sampled_from([403, 429])),
    st.builds(PrimaryLimit, reset_s=st.integers(0, 3600)),
)
orders = st.builds(
    Order,
    faults=st.lists(faults, min_size=1, max_size=3).map(tuple),
    when=st.builds(
        Match,
        port=st.sampled_from([None, "api", "storage", "github", "slack"]),
        method=st.none() | st.sampled_from(["GET", "HEAD", "POST"]),
        path=st.text(),
        has_range=st.none() | st.booleans(),
    ),
    times=st.none() | st.integers(1),
    after=st.integers(0),
    with_effect=st.booleans(),
)


@given(order=orders)
def test_every_order_survives_being_written_as_json(order: Order):
    assert read_order(json.loads(json.dumps(render_order(order)))) == order


def test_every_kind_of_fault_has_a_word():
    assert set(KINDS) == {
        "status",
        "reset",
        "stall",
        "throttle",
        "truncate",
        "shorten",
        "flip",
        "link-expires",
        "ignore-range",
        "wrong-range",
        "page",
        "gzip",
        "branch-moves",
        "secondary-limit",
        "primary-limit",
    }
