"""A project as the document of flowrider has it: a package with a flow, its configs, its hook."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SEED_YAML = """\
preflow_kwargs:
  datastore: s3
  metadata: local
  with: "batch:cpu=1"
  environment: conda
  package-suffixes: ".py,.txt,.md,.yaml"
flow_kwargs:
  random_seed:
tags: ["my extra tag", "another one"]
"""
SEED_HOOK_YAML = """\
preflow_kwargs:
  datastore: s3
  metadata: local
  with: "batch:cpu=1"
  environment: conda
  package-suffixes: ".py,.txt,.md,.yaml"
flow_kwargs:
  deployment_info:
    hook:
      # Imports and calls this function substituting the result as the value of `deployment_info`
      name: project_name.pipeline.example.example_flow.hook
      args: 1
      kwargs:
        b: 2
"""
LOCAL_YAML = """\
preflow_kwargs:
  datastore: local
  metadata: local
  package-suffixes: ".py,.txt,.md,.yaml"
flow_kwargs:
  random_seed:
  deployment_info:
    hook:
      name: project_name.pipeline.example.example_flow.hook
      args: 1
      kwargs:
        b: 2
tags: ["my extra tag", "another one"]
"""
HUGFLOW = Path(sys.executable).with_name("hugflow")
FLOW = '''\
"""An example."""
import os
import sys
import time
from pathlib import Path

from metaflow import FlowSpec, Parameter, step


def hook(a, b):
    return {"a": a, "b": b}


class EnvironmentFlow(FlowSpec):
    random_seed = Parameter("random_seed", default=7)
    deployment_info = Parameter("deployment_info", default="none")
    mood = Parameter("mood", default="fine")

    @step
    def start(self):
        print("start prints this")
        from project_name.shared import SHARED
        self.shared = SHARED
        marks = Path(os.environ["MARKS"]) if "MARKS" in os.environ else None
        if marks:
            marks.joinpath(f"start-{os.getpid()}").touch()
        self.next(self.middle)

    @step
    def middle(self):
        print("middle prints this")
        if os.environ.get("SLEEPS"):
            # Metaflow shows a line when the next one comes.
            print("asleep", flush=True)
            time.sleep(60)
        if os.path.exists(os.environ.get("FAILS_IF", "/nowhere")):
            raise RuntimeError("middle fails")
        self.next(self.end)

    @step
    def end(self):
        self.info = {"seed": self.random_seed, "deployment": self.deployment_info}
        self.odd = {1, 2}
        self.here = os.getcwd()


if __name__ == "__main__":
    EnvironmentFlow()
'''
SHARED = 'SHARED = "of the whole package"\n'


@dataclass(frozen=True, slots=True)
class FlowProject:
    """A project in a folder."""

    root: Path

    @property
    def package(self) -> Path:
        return self.root / "project_name"

    def config(self, tag: str, flow: str = "example/example_flow") -> Path:
        return self.package / "config" / "pipeline" / f"{flow}_{tag}.yaml"

    def write_config(self, tag: str, text: str, flow: str = "example/example_flow") -> Path:
        path = self.config(tag, flow)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def files(self) -> dict[str, bytes]:
        """The working tree: every file with its content, without what runs record."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
            and not {".metaflow", ".hugflow-state"} & set(path.relative_to(self.root).parts)
        }


def make_flow_project(root: Path) -> FlowProject:
    """The project of the document, with an empty config `dev`."""
    project = FlowProject(root)
    for folder in ("", "pipeline/", "pipeline/example/"):
        project.write(f"project_name/{folder}__init__.py", "")
    project.write("project_name/shared.py", SHARED)
    project.write("project_name/pipeline/example/example_flow.py", FLOW)
    project.write_config("dev", "")
    return project


def start(project: FlowProject, *words: str, **environment: str) -> "subprocess.Popen[str]":
    """Start `hugflow` as a user without the variable USER does."""
    left_out = {"USER", "USERNAME", "SUDO_USER", "FLOWRIDER_TEMP_DIR"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return subprocess.Popen(
        [str(HUGFLOW), *words],
        cwd=project.root,
        env=kept | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
