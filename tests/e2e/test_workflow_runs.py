"""The workflow that `init` writes, run step by step on a machine that has no hugflow."""

import base64
import csv
import hashlib
import io
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml

from hugflow.cli.project import WORKFLOWS, render_workflow
from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.runners import make_runner, request
from tests.testing.githubs import REPO

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HF_ID = "acme/spoken"
# What the runner has, and nothing of this process's environment.
PLAIN = ("PATH", "HOME", "LANG", "HF_ENDPOINT", "HF_HOME")


def test_it_installs_hugflow_and_comments_on_the_pull_request(
    hub: LoopbackHub, github: LoopbackGitHub, tmp_path: Path
):
    publish_speech(hub, HF_ID, rows=4, shards=1)
    runner = make_runner(hub, github, tmp_path)
    wheel = build_wheel(tmp_path / "built")
    texts = {path: render_workflow(name, wheel.as_uri()) for path, name in WORKFLOWS.items()}
    written, of_comments = texts.values()
    runner.on_main({path: text.encode() for path, text in texts.items()})
    number = runner.propose({"requests/add/x.yaml": request(HF_ID)})
    expressions = {"github.token": "ghs_made_up_but_never_shown", "runner.temp": str(tmp_path)}
    environment = runner.environment(number) | runner.project.environment
    environment = {
        name: value
        for name, value in environment.items()
        if name in PLAIN or (name.startswith("GITHUB_") and name != "GITHUB_TOKEN")
    }

    def run(step: dict[str, Any]) -> None:
        own = {name: evaluate(str(text), expressions) for name, text in step["env"].items()}
        done = subprocess.run(
            ["/bin/bash", "-e", "-c", step["run"]],
            cwd=runner.project.root,
            env=environment | own,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    (base,) = {given["ref"] for given in checkouts(written)}
    assert base == "${{ github.event.pull_request.base.ref }}"
    python = make_clean_python(tmp_path / "python")
    environment["PATH"] = f"{python}:{environment['PATH']}"
    # Dependencies are there already; only hugflow is installed, and nothing is downloaded.
    environment["PIP_NO_INDEX"] = "1"
    for step in yaml.safe_load(written)["jobs"]["plan"]["steps"]:
        if "run" in step:
            run(step)
    (comment,) = runner.comments(number)
    assert "Hugflow: 1 request, planned" in comment
    # A comment by somebody who may write: a request that was pushed meanwhile is planned, too.
    runner.github.push(REPO, {"requests/add/y.yaml": request("acme/unknown")}, branch="add-x")
    github.set_permission(REPO, "eve", "write")
    event = github.comment_event(REPO, number, "hugflow plan\nPlease.", author="eve")
    Path(environment["GITHUB_EVENT_PATH"]).write_text(json.dumps(event))
    with pytest.raises(AssertionError, match="acme/unknown"):
        run(yaml.safe_load(of_comments)["jobs"]["plan"]["steps"][-1])
    assert "2 requests" in runner.comments(number)[0]
    installed = subprocess.run(
        [python / "python", "-c", "import hugflow; print(hugflow.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(tmp_path / "python") in installed.stdout


def checkouts(text: str) -> list[dict[str, str]]:
    """What each step that checks out is given."""
    jobs = yaml.safe_load(text)["jobs"].values()
    found = [step for job in jobs for step in job["steps"] if "checkout" in step.get("uses", "")]
    return [dict(step["with"]) for step in found]


def evaluate(text: str, values: dict[str, str]) -> str:
    """Put the values of GitHub's expressions in; variables of the repository are not set."""

    def replace(found: "re.Match[str]") -> str:
        name, _, default = (part.strip() for part in found[1].partition("||"))
        return values.get(name, default.strip("'"))

    return re.sub(r"\$\{\{(.*?)\}\}", replace, text)


def make_clean_python(folder: Path) -> Path:
    """A Python that has hugflow's dependencies and not hugflow; the folder of its programs."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (known,) = {path for path in sys.path if path.endswith("site-packages")}
    for entry in Path(known).iterdir():
        if "hugflow" not in entry.name and entry.suffix != ".pth":
            (site / entry.name).symlink_to(entry)
    return folder / "bin"


def build_wheel(folder: Path) -> Path:
    """The project as the wheel that its build system makes, without installing a build system."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    name = f"hugflow-{project['project']['version']}"
    folder.mkdir()
    files: dict[str, bytes] = {}
    for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                inner = path.relative_to((ROOT / package).parent).as_posix()
                files[inner] = path.read_bytes()
    told = distribution("hugflow")
    info = f"{name}.dist-info"
    files[f"{info}/METADATA"] = str(told.read_text("METADATA")).encode()
    files[f"{info}/entry_points.txt"] = str(told.read_text("entry_points.txt")).encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.writerow([path, f"sha256={digest}", len(data)])
    rows.writerow([f"{info}/RECORD", "", ""])
    wheel = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
        archive.writestr(f"{info}/RECORD", record.getvalue())
    return wheel
