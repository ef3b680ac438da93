"""What is kept of what a step's flow gives."""

import pytest

from hugflow.flows.step_worker import to_outcome


def test_a_field_that_is_missing_is_named_beside_those_that_were_given():
    with pytest.raises(ValueError, match=r"run gave text_norm, and not text, which `out` names"):
        to_outcome({"text_norm": "a"}, ["text"])
