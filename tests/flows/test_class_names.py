"""A class that a step names and that is not there is seen before anything is imported."""

from pathlib import Path

import pytest

from hugflow.flows.class_names import Unknown, find_unknown_class
from hugflow.flows.places import FlowPlaces
from hugflow.requests.flow_steps import FlowStep

CODE = "raise SystemExit\nfrom hugflow.flows import AtomicFlow\nclass Clean(AtomicFlow): pass\n"


@pytest.fixture
def places(tmp_path: Path) -> FlowPlaces:
    """A project with code of its own, in a file and in a package, and a synced module."""
    for name in ("my_flows.py", "pack/inner.py", "flow_modules/acme/Text/__init__.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CODE)
    return FlowPlaces(tmp_path)


def look(places: FlowPlaces, flow: str, **fields: str) -> Unknown | None:
    return find_unknown_class(places, FlowStep("x", flow, **fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("flow", ["my_flows.Clean", "pack.inner.Clean", "my_flows.AtomicFlow"])
def test_a_class_that_is_defined_or_imported_is_known(places: FlowPlaces, flow: str):
    assert look(places, flow) is None


@pytest.mark.parametrize(
    ("flow", "what", "near"),
    [
        ("my_flows.Claen", "my_flows has no class Claen", "Clean"),
        ("pack.inner.Claen", "pack.inner has no class Claen", "Clean"),
        ("my_flwos.Clean", "there is no module my_flwos here", "my_flows"),
        ("pack.innre.Clean", "pack has no module innre", "inner"),
        ("pack.Clean", "pack has no class Clean", None),
    ],
)
def test_a_misspelt_class_or_module_is_named_with_the_nearest(
    places: FlowPlaces, flow: str, what: str, near: str
):
    assert look(places, flow) == Unknown(what, near)


def test_a_synced_module_is_read_and_one_that_is_not_synced_is_not_judged(places: FlowPlaces):
    assert look(places, "Clean", use="acme/Text") is None
    assert look(places, "inner.Clean", use="acme/Text") == Unknown("Text has no module inner", None)
    found = look(places, "Claen", use="acme/Text")
    assert found == Unknown("acme/Text has no class Claen", "Clean")
    assert look(places, "Claen", use="acme/Other") is None


@pytest.mark.parametrize(
    "code",
    [
        "from x import *\n",
        "globals()['Claen'] = 1\n",
        "import sys\nsys.modules[__name__].__dict__['Claen'] = 1\n",
        "def __getattr__(n): 1\n",
    ],
)
def test_a_file_that_may_have_any_class_is_not_judged(places: FlowPlaces, code: str):
    (places.root / "my_flows.py").write_text(code)
    assert look(places, "my_flows.Claen") is None


def test_a_package_that_may_bring_modules_about_is_not_judged(places: FlowPlaces):
    (places.root / "pack" / "__init__.py").write_text("import sys\n")
    assert look(places, "pack.made.Clean") is None
    (places.root / "pack" / "__init__.py").unlink()
    (places.root / "pack" / "native.abi3.so").touch()
    assert look(places, "pack.native.Clean") is None


def test_a_file_that_python_cannot_read_is_named_with_its_line(places: FlowPlaces):
    (places.root / "my_flows.py").write_text("x = 1\nclass (:\n")
    found = look(places, "my_flows.Clean")
    assert found is not None
    assert found.what == "my_flows.py is no Python: line 2: invalid syntax"


def test_installed_packages_and_served_steps_are_not_judged(places: FlowPlaces):
    assert look(places, "hugflow.flows.shipped.Nothing") is None
    # Python takes an installed package before a folder of other files with its name.
    (places.root / "hugflow").mkdir()
    assert look(places, "hugflow.flows.shipped.Nothing") is None
    assert look(places, "flows:asr", endpoint="asr") is None
