"""Packages for one step: installed beside everything else, and gone afterwards."""

import importlib.util
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest

from hugflow.flowrider import auto_getter, run_flow
from hugflow.flowrider.decorators import install_reqs, pip, son_of_a_batch
from hugflow.flowrider.overlay import OverlayFailed, to_requirements
from hugflow.flowrider.requirements import parse_missing
from tests.flowrider.project import FlowProject

pytestmark = pytest.mark.slow

FLOW = """
from metaflow import FlowSpec, step
from hugflow.flowrider.decorators import pip, son_of_a_batch

PIP = ["--no-index", "--find-links", {wheels!r}]

@son_of_a_batch
class PackedFlow(FlowSpec):
    @pip(libraries={{"tinypkg": "1.0"}}, pip_args=PIP)
    @step
    def start(self):
        import reqpkg
        import tinypkg
        self.found = [tinypkg.VERSION, reqpkg.VERSION]
        self.next(self.end)

    @step
    def end(self):
        import importlib.util
        import reqpkg
        self.left = importlib.util.find_spec("tinypkg") is not None

if __name__ == "__main__":
    PackedFlow()
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small wheels, which pip installs without a network."""
    folder = tmp_path_factory.mktemp("wheels")
    for name, version in (("tinypkg", "1.0"), ("tinypkg", "2.0"), ("reqpkg", "3.0")):
        info = f"{name}-{version}.dist-info"
        with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}/__init__.py", f"VERSION = {version!r}\n")
            wheel.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            )
            wheel.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(
                f"{info}/RECORD", f"{name}/__init__.py,,\n{info}/METADATA,,\n{info}/RECORD,,\n"
            )
    return folder


@pytest.fixture
def pip_args(wheels: Path) -> list[str]:
    return ["--no-index", "--find-links", str(wheels)]


def test_a_bare_version_is_exact_and_none_is_any():
    libraries = {"a": "1.2", "b": None, "c": ">=1,<2", "d[e]": "3"}
    assert to_requirements(libraries) == ["a==1.2", "b", "c >=1,<2", "d[e]==3"]


@pytest.mark.parametrize("libraries", [{"--index-url": None}, {"a b": None}, {"a": "one"}])
def test_what_is_no_requirement_never_reaches_pip(libraries: dict[str, str | None]):
    with pytest.raises(OverlayFailed, match="is no requirement"):
        pip(libraries)


def test_a_package_is_there_for_the_call_and_nothing_is_left(pip_args: list[str], temp_dir: Path):
    @pip(libraries={"tinypkg": "1.0"}, pip_args=pip_args)
    def call() -> str:
        import tinypkg  # type: ignore[import-not-found]  # made by the test

        return str(tinypkg.VERSION)

    before = list(sys.path)
    assert call() == call() == "1.0"
    assert sys.path == before
    assert "tinypkg" not in sys.modules
    assert importlib.util.find_spec("tinypkg") is None
    assert len(list((temp_dir / "overlays").iterdir())) == 1


def test_a_generator_and_an_asset_have_the_package_too(pip_args: list[str]):
    decorate = pip(libraries={"tinypkg": ">=2"}, pip_args=pip_args)

    @decorate
    def generate() -> Iterator[str]:
        import tinypkg

        yield tinypkg.VERSION

    @dg.asset
    @decorate
    def made() -> str:
        import tinypkg

        return str(tinypkg.VERSION)

    assert list(generate()) == ["2.0"]
    assert dg.materialize_to_memory([made]).output_for_node("made") == "2.0"
    with pytest.raises(TypeError, match="below @asset"):
        decorate(made)


def test_a_package_that_is_imported_already_in_another_version_is_an_error(
    pip_args: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "tinypkg", ModuleType("tinypkg"))
    with pytest.raises(OverlayFailed, match=r"tinypkg 1\.0 clashes"):
        pip(libraries={"tinypkg": "1.0"}, pip_args=pip_args)(lambda: None)()


def test_a_package_that_cannot_be_had_is_an_error_and_leaves_nothing(
    pip_args: list[str], temp_dir: Path
):
    with pytest.raises(OverlayFailed, match="nopkg cannot be installed"):
        pip(libraries={"nopkg": None}, pip_args=pip_args)(lambda: None)()
    assert list((temp_dir / "overlays").iterdir()) == []


def test_only_requirements_that_are_missing_are_installed(tmp_path: Path):
    text = (
        "# comment\n-e .\npytest>=7  # there\nnopkg==1\ncolorama; sys_platform == 'win32'\n"
        "--index-url=https://x\n-c limits.txt\n"
    )
    missing, options = parse_missing(text, tmp_path)
    assert missing == ["nopkg==1"]
    assert options == ["--index-url", "https://x", "-c", str(tmp_path / "limits.txt")]
    assert parse_missing("pytest\n--index-url https://x\n", tmp_path) == ([], [])


def test_both_names_of_the_decorator_are_one_and_a_class_without_steps_is_refused():
    assert son_of_a_batch is install_reqs
    with pytest.raises(TypeError, match="has no steps"):
        install_reqs(type("Empty", (), {}))


def test_the_steps_of_a_metaflow_flow_have_their_packages(
    flow_project: FlowProject, wheels: Path, pip_args: list[str]
):
    flow_project.write("project_name/pipeline/packed.py", FLOW.format(wheels=str(wheels)))
    flow_project.write("requirements.txt", f"--no-index\n--find-links {wheels}\nreqpkg==3.0\n")
    flow_project.write_config("dev", "", "packed")
    before = subprocess.run(
        [sys.executable, "-m", "pip", "freeze"], capture_output=True, check=True
    ).stdout
    run_flow("packed", package=flow_project.package)
    config = "config/pipeline/packed_dev"
    assert auto_getter("PackedFlow", config, "found", flow_project.package) == ["1.0", "3.0"]
    assert auto_getter("PackedFlow", config, "left", flow_project.package) is False
    after = subprocess.run(
        [sys.executable, "-m", "pip", "freeze"], capture_output=True, check=True
    ).stdout
    assert after == before
