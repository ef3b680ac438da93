"""Flows as Python objects: configuration, runs, messages, futures, subflows."""

import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hugflow.flows
from hugflow.errors import FlowConfigInvalid, FlowError
from hugflow.flows import AtomicFlow, CompositeFlow, FlowMessage
from hugflow.flows.config import merge
from tests.waiting import wait_until

KEYS = st.sampled_from("abc")
CONFIGS = st.recursive(
    st.integers() | st.none(), lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
MAPPINGS = st.dictionaries(KEYS, CONFIGS, max_size=3)


class Reverse(AtomicFlow):
    """Reverses a number, and counts how often it did."""

    defaults = {"key": "number", "deep": {"one": 1, "two": 2}, "free": {}}  # noqa: RUF012

    def run(self, data: dict[str, Any]) -> dict[str, Any]:
        self.state["runs"] = self.state.get("runs", 0) + 1
        return {"output_number": int(str(data[self.config["key"]])[::-1])}


class Twice(CompositeFlow):
    """Reverses a number twice."""

    defaults = {  # noqa: RUF012
        "subflows_config": {
            "first": {"flow_class_name": f"{__name__}.Reverse"},
            "second": {
                "flow_class_name": f"{__name__}.Reverse",
                "key": "output_number",
                "name": "II",
            },
        }
    }

    def run(self, data: dict[str, Any]) -> dict[str, Any]:
        for name in ("first", "second"):
            flow = self.subflows[name]
            data = flow.get_reply_future(flow.package_input_message(data)).get_data()
        return data


class Slow(AtomicFlow):
    """Waits until it is told to go on."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.go_on = threading.Event()

    def run(self, data: dict[str, Any]) -> dict[str, Any] | None:
        self.go_on.wait(30)
        if "error" in data:
            raise ValueError(data["error"])
        return data


def test_the_public_names_are_exactly_those_of_the_specification():
    assert sorted(hugflow.flows.__all__) == [
        "AtomicFlow",
        "CompositeFlow",
        "Flow",
        "FlowFuture",
        "FlowMessage",
        "FlowModuleConflict",
        "FlowModuleNotFound",
        "UntrustedFlowModule",
        "flow_verse",
    ]


def test_a_flow_runs_by_itself_and_in_batches():
    assert Reverse().run({"number": 1234}) == {"output_number": 4321}
    batch = Reverse(key="n").run_batch([{"n": 12}, {"n": 34}])
    assert batch == [{"output_number": 21}, {"output_number": 43}]
    with pytest.raises(NotImplementedError, match="AtomicFlow"):
        AtomicFlow().run({})


def test_configuration_is_set_on_top_of_the_defaults_at_any_depth_and_leaks_nowhere():
    own = {"two": 22}
    flow = Reverse(deep=own, free={"any": "thing"})
    assert flow.config["deep"] == {"one": 1, "two": 22}
    flow.config["deep"]["one"] = 111
    assert own == {"two": 22}
    assert Reverse().config["deep"] == {"one": 1, "two": 2}


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"kei": 1}, "kei"),
        ({"deep": {"three": 3}}, "deep.three"),
        ({"_target_": "os.system"}, "_target_"),
        ({"free": {"x": 1}, "flow_class_name": "os.system"}, "flow_class_name"),
    ],
)
def test_what_a_flow_does_not_declare_cannot_be_set(config: dict[str, Any], named: str):
    with pytest.raises(FlowConfigInvalid, match=named):
        Reverse(**config)


def test_a_code_name_within_free_keys_is_refused_as_well():
    with pytest.raises(FlowConfigInvalid, match=r"first\.flow_class_name"):
        Twice(subflows_config={"first": {"flow_class_name": "os.system"}})


@given(below=MAPPINGS, above=MAPPINGS)
def test_merging_twice_is_merging_once_and_changes_neither_side(
    below: dict[str, Any], above: dict[str, Any]
):
    before = repr((below, above))
    merged = merge(below, above)
    assert merge(merged, above) == merged
    assert merge(below, {}) == merge(below, below) == below
    assert merge({}, above) == above
    assert merged.keys() == below.keys() | above.keys()
    assert repr((below, above)) == before


def test_a_class_takes_its_yaml_over_its_parents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = "from hugflow.flows import AtomicFlow\nclass A(AtomicFlow): pass\nclass B(A): pass\n"
    (tmp_path / "yaml_flows.py").write_text(source)
    (tmp_path / "A.yaml").write_text("x: 1\ny: {a: 1, b: 2}\n")
    (tmp_path / "B.yaml").write_text("y: {b: 3}\ndescription: b\n")
    monkeypatch.syspath_prepend(tmp_path)
    from yaml_flows import B  # type: ignore[import-not-found]

    config = B().config
    assert (config["x"], config["y"], config["description"]) == (1, {"a": 1, "b": 3}, "b")
    for text in ("[1]", "a: [", "x" * 70_000, "!!python/object:os.system {}"):
        (tmp_path / "B.yaml").write_text(text)
        with pytest.raises(FlowConfigInvalid, match=r"B\.yaml"):
            B()


def test_a_composite_runs_its_subflows_each_with_its_own_configuration():
    flow = Twice()
    assert flow.run({"number": 1234}) == {"output_number": 1234}
    assert flow.subflows["second"].name == "II"
    assert [each.state for each in flow.subflows.values()] == [{"runs": 1}, {"runs": 1}]


@pytest.mark.parametrize(
    "subflow",
    [
        {},
        {"flow_class_name": "os.getcwd"},
        {"flow_class_name": "no.such.Thing"},
        {"flow_class_name": 3},
        {"flow_class_name": f"{__name__}.Reverse", "kei": 1},
        "text",
    ],
)
def test_a_subflow_that_is_none_is_told_by_its_key(subflow: object):
    class Wrong(CompositeFlow):
        defaults = {"subflows_config": {"third": subflow}}  # noqa: RUF012

    with pytest.raises(FlowConfigInvalid, match=r"Wrong\.third|Reverse"):
        Wrong()


def test_a_message_holds_a_copy_and_shows_no_private_key():
    data = {"numbers": [1], "password": "secret-word"}
    message = Reverse().package_input_message(data, private_keys=["password"])
    data["numbers"].append(2)  # type: ignore[attr-defined]
    assert message.data["numbers"] == [1]
    assert message.message_id != FlowMessage({}).message_id
    assert "secret-word" not in f"{message}{message.to_json()}"
    assert message.to_json()["data"] == {"numbers": [1]}


@pytest.mark.parametrize(
    "value",
    [
        {"a": [{"b": [1, 2.5, None, True, "t", b"ID3"]}]},
        {"numbers": {3: ["text"]}},
        {"pair": ("text", [1])},
        OrderedDict(a=[1]),
    ],
    ids=["plain", "numbers as keys", "tuple", "subclass"],
)
def test_a_message_shares_nothing_with_what_it_was_made_of_at_any_depth(value: Any):
    message = Reverse().package_input_message({"x": value})
    assert message.data["x"] == value
    assert type(message.data["x"]) is type(value)
    assert not mutable_parts(message.data) & mutable_parts({"x": value})


@pytest.mark.parametrize(
    "data",
    [
        {"x": object()}, {3: 1}, [1], "text", {"x": {1, 2}}, {"x": [{"y": object()}]},
        {"x": 10**5_000}, {"x": {(1, 2): 3}},
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_a_type_error_at_the_caller(data: Any):
    with pytest.raises(TypeError):
        Reverse().package_input_message(data)


def test_bytes_can_be_sent():
    assert Reverse().package_input_message({"audio": b"ID3"}).data == {"audio": b"ID3"}


def test_a_reply_comes_in_its_turn_and_a_timeout_loses_nothing():
    flow = Slow()
    futures = [flow.get_reply_future(flow.package_input_message({"n": n})) for n in range(3)]
    assert futures[0].try_get_message() is None
    with pytest.raises(TimeoutError):
        futures[0].get_data(timeout=0.01)
    flow.go_on.set()
    assert [future.get_data(timeout=10) for future in futures] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert futures[0].get_data() == {"n": 0}
    futures[0].set_output_interface(lambda data: {"m": data["n"]})
    assert futures[0].get_data() == {"m": 0}
    assert futures[0].try_get_message() is not None


class Asks(CompositeFlow):
    defaults = {"subflows_config": {"back": {"flow_class_name": f"{__name__}.Reverse"}}}  # noqa: RUF012

    def run(self, data: dict[str, Any]) -> dict[str, Any]:
        assert self.message is not None
        if self.message.reply_to is not None:
            self.state = {**data, "reply_to": self.message.reply_to}
        else:
            self.subflows["back"].get_reply(self.message)
        return {}


@pytest.mark.parametrize(
    ("data", "expected"), [({"number": 12}, {"output_number": 21}), ({}, {"error": "KeyError"})]
)
def test_a_reply_goes_into_the_queue_of_the_composite_that_asked(
    data: dict[str, Any], expected: dict[str, Any]
):
    flow = Asks()
    message = flow.package_input_message(data)
    flow.get_reply_future(message).get_data(timeout=10)
    wait_until(lambda: "reply_to" in flow.state)
    assert flow.state.pop("reply_to") == message.message_id
    assert [*flow.state] == [*expected]
    assert all(str(expected[key]) in str(flow.state[key]) for key in expected)


def test_asking_for_a_reply_without_a_composite_is_an_error():
    with pytest.raises(FlowError, match="no composite"):
        Reverse().get_reply(Reverse().package_input_message({"number": 1}))


def test_an_error_reaches_the_caller_and_the_next_message_is_answered():
    flow = Slow()
    flow.go_on.set()
    failing = flow.get_reply_future(flow.package_input_message({"error": "no such voice"}))
    with pytest.raises(FlowError, match="ValueError: no such voice"):
        failing.get_data(timeout=10)
    assert flow.get_reply_future(flow.package_input_message({"n": 1})).get_data(timeout=10) == {
        "n": 1
    }


def test_importing_the_flow_classes_does_not_bring_in_the_hubs_client():
    import subprocess
    import sys

    program = "import sys, hugflow.flows; print('huggingface_hub' in sys.modules)"
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
    assert time.monotonic() - began < 20


def mutable_parts(value: Any) -> set[int]:
    inside: list[Any] = list(value.values() if isinstance(value, dict) else value)
    found = {id(value)} if isinstance(value, dict | list) else set()
    return found.union(*(mutable_parts(v) for v in inside if isinstance(v, dict | list | tuple)))
