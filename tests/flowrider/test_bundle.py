"""The copy of a project: code and configs, without environments and data."""

from pathlib import Path

from hugflow.flowrider.bundle import bundled
from hugflow.flowrider.command import SUFFIXES
from tests.flowrider.project import FlowProject


def bundle_names(project: FlowProject, folder: Path) -> set[str]:
    flow = project.package / "pipeline/example/example_flow.py"
    with bundled(project.package, flow, SUFFIXES, folder) as at_root:
        assert at_root == folder / "example_flow.py"
        assert at_root.read_bytes() == flow.read_bytes()
        names = {
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        }
    assert not folder.exists()
    return names


def test_a_bundle_has_the_code_of_the_project_and_nothing_else(flow_project: FlowProject):
    code = [
        "requirements.txt",
        ".env.shared",
        "project_name.egg-info/PKG-INFO",
        "project_name/datasets/__init__.py",
        "datasets/__init__.py",
    ]
    other = [
        "notes.csv",
        ".env",
        ".venv/lib/x.py",
        "environment/x.py",
        "environment/pyvenv.cfg",
        "processed/speech/README.md",
        "project_name/__pycache__/x.py",
        "temp/artifacts/x.py",
    ]
    for name in (*code, *other):
        flow_project.write(name, "")
    before = flow_project.files()
    names = bundle_names(flow_project, flow_project.root / "temp/bundles/1")
    assert flow_project.files() == before
    assert names >= {*code, "example_flow.py", "project_name/pipeline/example/example_flow.py"}
    assert not names & set(other)


def test_the_flow_takes_the_place_of_a_file_of_its_name_in_the_copy_only(
    flow_project: FlowProject, tmp_path: Path
):
    own = flow_project.write("example_flow.py", "mine\n")
    bundle_names(flow_project, tmp_path / "temp/bundles/1")
    assert own.read_text() == "mine\n"


def test_of_an_installed_package_only_the_package_is_copied(tmp_path: Path):
    project = FlowProject(tmp_path / "site-packages")
    project.write("project_name/pipeline/example/example_flow.py", "flow")
    project.write("other/x.py", "")
    assert bundle_names(project, tmp_path / "temp/bundles/1") == {
        "example_flow.py",
        "project_name/pipeline/example/example_flow.py",
    }
