"""What is not installed beside us: it would break Dagster's selections, or take our names."""

import re
from importlib.metadata import distribution
from importlib.util import find_spec

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

UNWANTED = {"hydra-core", "omegaconf", "flowrider"}


def required_by(name: str, seen: dict[str, Requirement]) -> None:
    """Collect what a distribution requires, with all extras of ours."""
    try:
        lines = distribution(name).requires or []
    except ModuleNotFoundError:
        return
    for line in lines:
        requirement = Requirement(line)
        is_extra = requirement.marker is not None and re.search("extra", str(requirement.marker))
        if (is_extra and name != "hugflow") or canonicalize_name(requirement.name) in seen:
            continue
        seen[canonicalize_name(requirement.name)] = requirement
        required_by(requirement.name, seen)


def test_hydra_omegaconf_and_flowrider_are_not_in_the_dependency_tree():
    seen: dict[str, Requirement] = {}
    required_by("hugflow", seen)
    assert {"dagster", "metaflow", "antlr4-python3-runtime"} <= seen.keys()
    assert not UNWANTED & seen.keys()


@pytest.mark.parametrize("name", ["hydra", "omegaconf", "flowrider"])
def test_no_such_package_can_be_imported(name: str):
    assert find_spec(name) is None
