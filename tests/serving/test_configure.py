"""What a caller may set in the configuration of a served flow."""

from typing import Any, ClassVar

import pytest

from hugflow.errors import FlowConfigInvalid, FlowInstanceError
from hugflow.flows import CompositeFlow
from hugflow.serving.classes import configure, own_values, served_subflows_of
from hugflow.serving.mounting import MAX_DEPTH, Way


class Bare(CompositeFlow):
    """Its subflows are all given by the one who configures it."""


class Nested(CompositeFlow):
    """A subflow whose own subflow is placed here."""

    defaults: ClassVar[dict[str, Any]] = {
        "subflows_config": {
            "first": {
                "flow_class_name": "x.Y",
                "flow_endpoint": "inner",
                "parallel_dispatch": True,
                "subflows_config": {"deep": {"user_id": "local", "flow_endpoint": "d"}},
            }
        }
    }


def test_a_tree_of_subflows_is_refused_below_its_deepest_level_with_its_path() -> None:
    way = Way()
    for level in range(MAX_DEPTH):
        way = way.below(f"e{level}@U")
    with pytest.raises(FlowInstanceError, match=f"more than {MAX_DEPTH} deep: e0@U -> e1@U"):
        way.below("last@U")
    with pytest.raises(FlowInstanceError, match=r"a circle: e0@U -> .* -> e3@U"):
        way.below("e3@U")


@pytest.mark.parametrize("place", ["user_id", "flow_endpoint"])
def test_another_user_moves_no_subflow_at_any_depth(place: str) -> None:
    moved = {"subflows_config": {"deep": {place: "UEVIL"}}}
    below = {"subflows_config": {"first": moved}}
    for flow_class, overrides in ((Bare, moved), (Nested, below)):
        with pytest.raises(FlowConfigInvalid, match=rf"deep\.{place} cannot be set by another"):
            configure(flow_class, overrides, may_move_subflows=False)
    own = {"subflows_config": {"first": {"subflows_config": {"deep": {"user_id": "U2"}}}}}
    first = configure(Nested, own)["subflows_config"]["first"]
    assert first["subflows_config"]["deep"]["user_id"] == "U2"


def test_how_a_subflow_is_dispatched_is_no_part_of_its_configuration() -> None:
    first = served_subflows_of(configure(Nested, {}))["first"]
    assert own_values(first).keys() == {"subflows_config"}
