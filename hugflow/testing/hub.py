"""A local Hub on 127.0.0.1, which the real clients accept instead of huggingface.co.

    with LoopbackHub() as hub:
        commit = hub.publish("acme/speech", {"data/train.parquet": Path("train.parquet")})
        HfApi(endpoint=hub.endpoint).dataset_info("acme/speech").sha == commit

It has two ports, as the real one has two hosts: the API, and the storage that large files are
fetched from. Clients read `HF_ENDPOINT` once, when `huggingface_hub` is imported: set it before
that, or pass `endpoint=`. The pytest fixture `loopback_hub` does that. The Hub can be told to
fail: `hub.inject(Reset(after_bytes=1000))`, see `faults`. It takes uploads, too, see `uploads`. To serve sample datasets to another shell:

    $ python -m hugflow.testing --sample speech
    {"endpoint": "http://127.0.0.1:41873", "datasets": {"acme/tiny-speech": "9d30..."}}
    $ HF_ENDPOINT=http://127.0.0.1:41873 hf download --repo-type dataset acme/tiny-speech
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from hugflow.testing.api import Holdings, Reader, answer_api, answer_storage, is_housekeeping
from hugflow.testing.exchange import Ask, Port
from hugflow.testing.faults import BranchMoves, Fault
from hugflow.testing.repository import Gate, HubFile, Kind, Repository, read_file, to_ref
from hugflow.testing.stand_in import Finding, StandIn
from hugflow.testing.uploads import Upload, find_upload

# Kept in LFS at any size, as in the .gitattributes of a new dataset.
LFS_SUFFIXES = (".parquet",)


class LoopbackHub(StandIn):
    """A Hub on two free ports of 127.0.0.1, open as long as the `with` block is.

    Its content may change while it is open, from any thread.

    page_size: the length of a listing's page.
    lfs_threshold_bytes: files of this size and more, and parquet files always, are in the storage
    and not in git.
    port: a fixed port of the API.
    """

    def __init__(
        self, *, page_size: int = 1000, lfs_threshold_bytes: int = 10_000, port: int = 0
    ) -> None:
        """Set up an empty Hub; nothing listens before the `with` block is entered."""
        super().__init__({"api": port, "storage": 0})
        self._held = Holdings(page_size=page_size, link_key=secrets.token_hex(16))
        self._lfs_threshold_bytes = lfs_threshold_bytes

    @property
    def endpoint(self) -> str:
        """The address to give a client as `endpoint` or `HF_ENDPOINT`."""
        return self._held.api_url

    @property
    def storage_endpoint(self) -> str:
        """The address from which large files are served."""
        return self._held.storage_url

    def publish(
        self,
        repo_id: str,
        files: Mapping[str, bytes | Path],
        *,
        branch: str = "main",
        message: str = "Publish",
        kind: Kind = "datasets",
        delete: Iterable[str] = (),
        from_empty: bool = False,
        private: bool | None = None,
        gated: Gate | bool | None = None,
        at: datetime | None = None,
    ) -> str:
        """Commit files on top of a branch, move the branch, and return the commit.

        files: content by path. A content given as a Path is served from there, and must not change.
        delete: paths to delete.
        from_empty: the new commit has only `files`.
        branch: may be a full ref such as `refs/convert/parquet`.
        private, gated: None keeps them; a new repository is neither.
        at: the date of the commit; None means a minute after the repository's youngest.
        """
        named = {path: self._read_file(path, content) for path, content in files.items()}
        with self._lock:
            # A new repository with the old name of a renamed one ends its redirect.
            self._held.new_ids.pop((kind, repo_id), None)
            repository = self._held.repositories.setdefault(
                (kind, repo_id), Repository(repo_id, kind)
            )
            commit = repository.add_commit(
                named, branch=branch, message=message, delete=delete, from_empty=from_empty, at=at
            )
        self.restrict(repo_id, kind=kind, private=private, gated=gated)
        return commit.sha

    def tag(
        self, repo_id: str, name: str, *, revision: str = "main", kind: Kind = "datasets"
    ) -> None:
        """Give a revision a tag; a tag that exists moves."""
        with self._lock:
            repository = self._find(repo_id, kind)
            repository.refs[f"refs/tags/{name}"] = _find_sha(repository, revision)

    def collect(self, slug: str, items: Iterable[tuple[str, str]]) -> None:
        """Make a collection, or change it. items: as (`dataset`, `model`, ..., id), in order."""
        with self._lock:
            self._held.collections[slug] = tuple(items)

    def restrict(
        self,
        repo_id: str,
        *,
        kind: Kind = "datasets",
        private: bool | None = None,
        gated: Gate | bool | None = None,
        disabled: bool | None = None,
    ) -> None:
        """Change who may see a repository (`private`) and who may read its files (`gated`).

        disabled: nobody can read it; the Hub does that after a complaint.
        """
        with self._lock:
            repository = self._find(repo_id, kind)
            if private is not None:
                repository.private = private
            if gated is not None:
                repository.gated = "auto" if gated is True else gated
            if disabled is not None:
                repository.disabled = disabled

    def rename(self, repo_id: str, new_id: str, *, kind: Kind = "datasets") -> None:
        """Rename a repository; requests to the old name are redirected."""
        with self._lock:
            repository = self._held.repositories.pop((kind, repo_id))
            repository.id = new_id
            self._held.repositories[kind, new_id] = repository
            self._held.new_ids.pop((kind, new_id), None)
            self._held.new_ids[kind, repo_id] = new_id

    def move_branch(
        self, repo_id: str, revision: str, *, branch: str = "main", kind: Kind = "datasets"
    ) -> None:
        """Let a branch, or a full ref, point to another revision of the repository."""
        with self._lock:
            self._move_branch(repo_id, revision, branch, kind)

    def remove(self, repo_id: str, *, kind: Kind = "datasets") -> None:
        """Delete a repository, with all its commits."""
        with self._lock:
            del self._held.repositories[kind, repo_id]

    def add_token(
        self,
        token: str,
        user: str,
        repos: Iterable[str] = (),
        *,
        reads_gated: bool | None = None,
        writes: bool = False,
    ) -> None:
        """Add a token for a user, which reads these private and gated repositories.

        An existing token is replaced. Use names like `hf_test_reader`. With `reads_gated` it is a
        fine-grained token that may, or may not, read gated repositories. With `writes` it may
        upload; see `uploads`.
        """
        with self._lock:
            self._held.readers[token] = Reader(user, frozenset(repos), reads_gated, writes)

    def remove_token(self, token: str) -> None:
        """Revoke a token: requests with it are refused."""
        with self._lock:
            del self._held.readers[token]

    @property
    def verbs(self) -> Mapping[str, Callable[..., Any]]:
        """The verb for other processes: moving a branch."""
        return {"move": self._move}

    def describe(self) -> dict[str, Any]:
        """Every repository's refs."""
        with self._lock:
            held = self._held.repositories.values()
            return {f"{each.kind}/{each.id}": dict(each.refs) for each in held}

    def _move(
        self, repo_id: str, revision: str, branch: str = "main", kind: Kind = "datasets"
    ) -> dict[str, str]:
        self.move_branch(repo_id, revision, branch=branch, kind=kind)
        return {"repo_id": repo_id, "branch": branch, "revision": revision}

    def _note_urls(self, urls: Mapping[Port, str]) -> None:
        self._held.api_url = urls["api"]
        self._held.storage_url = urls["storage"]

    def _find_answer(self, ask: Ask) -> Finding:
        upload = find_upload(self._held, ask, self._read_file)
        if upload is None:
            answer = (answer_api if ask.port == "api" else answer_storage)(self._held, ask)
            upload = Upload(answer)
        reader = self._held.readers.get(ask.token or "")
        secrets_held = {token: reader.user for token, reader in self._held.readers.items()}
        return Finding(
            upload.answer,
            upload.settle,
            user=reader.user if reader else None,
            secrets=secrets_held,
            is_logged=not is_housekeeping(ask),
        )

    def _forget(self) -> None:
        for held in (
            self._held.repositories,
            self._held.readers,
            self._held.new_ids,
            self._held.uploads,
        ):
            held.clear()

    def _check(self, fault: Fault) -> None:
        """Raise KeyError for a branch that cannot move."""
        if isinstance(fault, BranchMoves):
            _find_sha(self._find(fault.repo_id, fault.kind), fault.revision)

    def _follow(self, fault: Fault) -> None:
        if isinstance(fault, BranchMoves):
            self._move_branch(fault.repo_id, fault.revision, fault.branch, fault.kind)

    def _move_branch(self, repo_id: str, revision: str, branch: str, kind: Kind) -> None:
        repository = self._find(repo_id, kind)
        repository.refs[to_ref(branch)] = _find_sha(repository, revision)

    def _find(self, repo_id: str, kind: Kind) -> Repository:
        """The repository of that name; KeyError if there is none."""
        if (kind, repo_id) not in self._held.repositories:
            raise KeyError(repo_id)
        return self._held.repositories[kind, repo_id]

    def _read_file(self, path: str, content: bytes | Path) -> HubFile:
        size_bytes = content.stat().st_size if isinstance(content, Path) else len(content)
        is_large = size_bytes >= self._lfs_threshold_bytes or path.endswith(LFS_SUFFIXES)
        return read_file(content, is_large=is_large)


def _find_sha(repository: Repository, revision: str) -> str:
    commit = repository.find_commit(revision)
    if commit is None:
        raise KeyError(revision)
    return commit.sha
