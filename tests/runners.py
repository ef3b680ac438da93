"""A self-hosted runner with a checkout, and GitHub around it: what `sync --ci-mode` meets."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.hub import LoopbackHub
from tests.ci.test_changes import git
from tests.projects import Project, make_project
from tests.testing.githubs import BOT, REPO

TOKEN = "ghs_made_up_but_never_shown"


def request(hf_id: str, *lines: str) -> bytes:
    return "\n".join([f'hf_id: "{hf_id}"', 'description: "d"', *lines, ""]).encode()


def name_of(hf_id: str) -> str:
    return f"{hf_id.replace('/', '__')}__split_train__rev_main"


@dataclass
class Runner:
    """A self-hosted runner: a checkout of main, folders beside it, and GitHub around both."""

    project: Project
    github: LoopbackGitHub
    remote: Path
    places_root: Path

    def on_main(self, files: dict[str, bytes], *, delete: Sequence[str] = ()) -> None:
        """Bring files to main, on GitHub and in the repository that the checkout came from."""
        self.github.push(REPO, files, delete=list(delete))
        for name, data in files.items():
            path = self.project.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        for name in delete:
            (self.project.root / name).unlink()
        git(self.project.root, "add", "--all")
        git(self.project.root, "commit", "--quiet", "--allow-empty", "--message", "main")
        git(self.project.root, "push", "--quiet", str(self.remote), "HEAD:main")

    def propose(self, files: dict[str, bytes], *, branch: str = "add-x") -> int:
        """Open a pull request; its number."""
        self.github.push(REPO, files, branch=branch)
        return self.github.open_pull(REPO, branch, title="Add", author="bob")

    def environment(self, number: int, **settings: str) -> dict[str, str]:
        event = self.places_root / f"event-{number}.json"
        event.write_text(json.dumps(self.github.event(REPO, number)))
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_WORKSPACE": str(self.project.root),
            "GITHUB_REPOSITORY": REPO,
            "GITHUB_API_URL": self.github.api_url,
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_RUN_ID": "77",
            **self.places_in_environment,
            "REQUESTS_REPO": str(self.remote),
            **settings,
        }

    def sync(
        self, number: int, *options: str, **settings: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run the command to its end."""
        environment = self.environment(number, **settings)
        done = self.project.run("sync", "--ci-mode", *options, **environment)
        assert TOKEN not in done.stdout + done.stderr
        return done

    def comment(
        self, number: int, body: str, *options: str, association: str = "MEMBER", **settings: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run the command for a comment that eve writes on the pull request."""
        environment = self.environment(number, **settings)
        event = self.github.comment_event(REPO, number, body, author="eve", association=association)
        Path(environment["GITHUB_EVENT_PATH"]).write_text(json.dumps(event))
        done = self.project.run("sync", "--ci-mode", *options, **environment)
        assert TOKEN not in done.stdout + done.stderr
        return done

    def comments(self, number: int) -> list[str]:
        return [each.body for each in self.github.comments(REPO, number)]

    def conclusions(self) -> list[str | None]:
        return [each.conclusion for each in self.github.check_runs(REPO)]

    @property
    def places_in_environment(self) -> dict[str, str]:
        return {
            "STORAGE_ROOT": str(self.places_root / "datasets"),
            "PROCESSED_ROOT": str(self.places_root / "processed"),
            "STATE_DIR": str(self.places_root / "state"),
        }

    def dataset(self, hf_id: str) -> Path:
        return self.dataset_of(name_of(hf_id))

    def link(self, hf_id: str) -> Path:
        return self.link_of(name_of(hf_id))

    def dataset_of(self, name: str) -> Path:
        return self.places_root / "datasets" / name

    def link_of(self, name: str) -> Path:
        return self.places_root / "processed" / name


def make_runner(hub: LoopbackHub, github: LoopbackGitHub, folder: Path) -> Runner:
    """A runner whose main holds a README and nothing else."""
    github.add_token(TOKEN, BOT, is_integration=True)
    project = make_project(hub, folder / "checkout")
    git(project.root, "init", "--quiet", "--initial-branch=main")
    remote = folder / "remote.git"
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    runner = Runner(project, github, remote, folder / "srv")
    runner.places_root.mkdir()
    runner.on_main({"README.md": b"# Requests\n"})
    return runner
