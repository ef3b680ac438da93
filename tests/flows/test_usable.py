"""What a person is told before they import a module."""

from pathlib import Path

import pytest

from hugflow.testing.hub import LoopbackHub
from tests.flows.conftest import Sync
from tests.flows.hub import publish

TOOLS = "acme/My-Tools"


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("numpy\n", []),
        (
            "numpy>=1\n# comment\n\nno-such-package-anywhere==1.0  # why\n",
            ["no-such-package-anywhere==1.0"],
        ),
        ("numpy>=999\n", ["numpy>=999"]),
        ("no-such-package; python_version < '3'\n", []),
        ("-r other.txt\n--index-url https://evil\n", []),
        ("!!! what\n", ["!!! what"]),
    ],
)
def test_packages_that_are_missing_are_told_and_none_is_installed(
    module_hub: LoopbackHub,
    root: Path,
    sync: Sync,
    caplog: pytest.LogCaptureFixture,
    text: str,
    missing: list[str],
):
    publish(module_hub, TOOLS, {"__init__.py": "", "pip_requirements.txt": text})
    sync(TOOLS)
    for line in missing:
        assert f'pip install "{line}"' in caplog.text
    assert ("pip install" in caplog.text) is bool(missing)


@pytest.mark.parametrize(
    ("init", "is_told"),
    [("", True), ('"""Doc."""\n', True), ("from .My_Tools import My_Tools\n", False)],
)
def test_a_module_whose_file_has_its_name_and_that_exports_nothing_is_told_the_line(
    module_hub: LoopbackHub,
    root: Path,
    sync: Sync,
    caplog: pytest.LogCaptureFixture,
    init: str,
    is_told: bool,
):
    publish(module_hub, TOOLS, {"__init__.py": init, "My_Tools.py": "class My_Tools: pass\n"})
    sync(TOOLS)
    assert ("lacks: from .My_Tools import My_Tools" in caplog.text) is is_told
