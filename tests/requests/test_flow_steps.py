"""The `flows:` of a request: what is taken, and what is refused by step."""

from typing import Any

import pytest

from hugflow.requests.flow_steps import FlowStep, flow_steps
from hugflow.requests.grammar import FieldInvalid
from hugflow.requests.problems import RequestFileInvalid
from hugflow.requests.read import parse_request

STEP: dict[str, Any] = {"name": "clean", "flow": "my_flows.Clean"}


def test_a_file_with_steps_is_read_whole():
    text = b"""hf_id: org/speech
description: Malay ASR
flows:
  - name: clean
    use: alice/TextTools:v1.2
    flow: NormaliseText
    config: {lower: true, most: 2.5, words: [a, b]}
    rows: {in: [text], out: [text_norm]}
    batch: 32
    timeout_s: 1.5
"""
    request = parse_request(text, "requests/add/x.yaml")
    config = {"lower": True, "most": 2.5, "words": ["a", "b"]}
    [step] = request.flows  # type: ignore[union-attr]
    assert step == FlowStep(
        "clean",
        "NormaliseText",
        "alice/TextTools",
        "v1.2",
        config,
        ("text",),
        ("text_norm",),
        32,
        1.5,
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"name": "../up"}, "name"),
        ({"name": None}, "no name"),
        ({"nmae": "x"}, "nmae"),
        ({"flow": "Clean"}, "without its module"),
        ({"flow": "a..b"}, "flow"),
        ({"flow": "os.system; x"}, "flow"),
        ({"use": "alice"}, "use"),
        ({"use": "../a/b"}, "use"),
        ({"use": "a/b:x y"}, "white space"),
        ({"user": "gpu-team"}, "user, and no endpoint"),
        ({"attach": ["audio"]}, "attach, and no endpoint"),
        ({"endpoint": "whisper"}, "both flow and endpoint"),
        ({"config": [1]}, "config"),
        ({"rows": {"inn": []}}, "rows"),
        ({"rows": {"in": "text"}}, "rows in"),
        ({"rows": {"in": ["a", "a"]}}, "rows in"),
        ({"rows": {"out": ["dropped"]}}, "dropped"),
        ({"batch": 0}, "batch"),
        ({"batch": True}, "batch"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": "60"}, "timeout_s"),
    ],
)
def test_what_no_step_may_hold_is_named(change: dict[str, Any], named: str):
    with pytest.raises(FieldInvalid, match=named):
        flow_steps([STEP | change])


def test_a_served_step_names_its_user_and_endpoint():
    written = {
        "name": "recognise",
        "user": "gpu_team",
        "endpoint": "asr",
        "rows": {"in": ["audio"], "out": ["heard"]},
        "attach": ["audio"],
    }
    [step] = flow_steps([written])
    assert (step.flow, step.user, step.endpoint) == ("flows:asr", "gpu_team", "asr")
    assert step.attach == ("audio",)
    for change in ({"endpoint": "a b"}, {"user": "a.b"}, {"attach": ["text"]}, {"use": "a/b"}):
        with pytest.raises(FieldInvalid):
            flow_steps([written | change])


@pytest.mark.parametrize(
    "value", ["resample", ["resample"], [STEP, STEP], [STEP] * 30, {"a": STEP}]
)
def test_what_is_no_list_of_steps_is_refused(value: object):
    with pytest.raises(FieldInvalid):
        flow_steps(value)


def test_two_revisions_of_one_module_in_a_request_are_refused_with_both_named():
    use = STEP | {"use": "alice/Tools:v1"}
    with pytest.raises(FieldInvalid, match=r"alice/Tools:v2, and step 'clean' uses alice/Tools:v1"):
        flow_steps([use, use | {"name": "other", "use": "alice/Tools:v2"}])
    assert len(flow_steps([use, use | {"name": "other"}])) == 2


@pytest.mark.parametrize(
    ("wrong", "line", "near"),
    [
        ("    tiemout_s: 3", 7, "timeout_s"),
        ("    rows:\n      in: [text]\n      outt: [text_norm]", 9, "out"),
        ("    confg:\n      lower: true", 7, "config"),
        ("  - nam: other", 7, "name"),
        ("  - {name: other, flwo: my_flows.Other}", 7, "flow"),
    ],
)
def test_an_unknown_key_of_a_step_is_named_with_its_own_line_and_the_nearest_key(
    wrong: str, line: int, near: str
):
    head = "hf_id: org/speech\ndescription: x\n# steps\nflows:\n"
    text = f"{head}  - name: clean\n    flow: my_flows.Clean\n{wrong}\n"
    with pytest.raises(RequestFileInvalid) as caught:
        parse_request(text.encode(), "requests/add/x.yaml")
    [problem] = caught.value.problems
    assert (problem.line, problem.field) == (line, "flows")
    assert "unknown key" in problem.what
    assert problem.mend == f"did you mean {near}?"


def test_a_wrong_value_of_a_step_is_at_the_line_of_its_step():
    text = b"""hf_id: org/speech
description: x
flows:
  - name: clean
    flow: my_flows.Clean

  - name: clean
    flow: my_flows.Other
"""
    with pytest.raises(RequestFileInvalid) as caught:
        parse_request(text, "requests/add/x.yaml")
    [problem] = caught.value.problems
    assert problem.line == 7
