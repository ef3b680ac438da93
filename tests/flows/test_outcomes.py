"""What is kept of what a step's flow gives."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hugflow.flows.step_worker import to_outcome


def test_a_field_that_is_missing_is_named_beside_those_that_were_given():
    with pytest.raises(ValueError, match=r"run gave text_norm, and not text, which `out` names"):
        to_outcome({"text_norm": "a"}, ["text"])


def test_a_number_of_another_library_is_refused_with_how_to_give_it():
    with pytest.raises(TypeError, match=r"type float32, .*such as \.item\(\) of it"):
        to_outcome({"score": np.float32(0.5)}, ["score"])


def test_keys_that_are_no_texts_become_texts_unless_two_are_equal_then():
    assert to_outcome({"x": {1: "a", None: "b"}}, ["x"]) == {"out": {"x": {"1": "a", "null": "b"}}}
    with pytest.raises(ValueError, match="two keys that are '1' as text"):
        to_outcome({"x": {1: "a", "1": "b"}}, ["x"])


@pytest.mark.parametrize("wrap", [lambda value: [value], lambda value: {"in": value}])
def test_what_lies_too_deep_for_readers_of_json_costs_its_row(wrap: Callable[[Any], Any]):
    value: Any = [0] * 300
    for _ in range(198):
        value = wrap(value)
    assert to_outcome({"x": value}, ["x"]) == {"out": {"x": value}}
    with pytest.raises(ValueError, match="inside each other, more than 200"):
        to_outcome({"x": wrap(wrap(value))}, ["x"])
