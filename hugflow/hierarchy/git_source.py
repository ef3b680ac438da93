"""Parents in git: a ref to its commit, and the blobs of a commit.

Blobs are read by `ls-tree` and `cat-file`, never a checkout or an archive, so the bytes do not
depend on anyone's git settings, attributes, tags or time zone.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from hugflow.clients.git_program import GitFailed, run_git
from hugflow.clients.remote import token_config
from hugflow.errors import NotAuthorised
from hugflow.hierarchy.access import Access
from hugflow.hierarchy.contents import unsafe
from hugflow.hierarchy.errors import ConfigError, ParentUnavailable
from hugflow.hierarchy.hosts import check_host
from hugflow.hierarchy.location import Location, is_commit
from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import make_folder
from hugflow.store.locks import hold

FETCH_TIMEOUT_S = 300.0
LOCK_WAIT_S = 300.0
BATCH_BYTES = 64 << 20
# Also for those whose git uses bare repositories only where it is told to.
_OUR_MIRROR = {"safe.bareRepository": "all"}
_LINK_MODES = (b"120000", b"160000")
_REFUSED = re.compile(
    r"authentication failed|could not read (?:username|password)|permission denied|"
    r"repository not found|returned error: 40[134]|repository '[^']*' not found",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A commit, the ref that names it on the remote, and whether that ref is a branch."""

    commit: str
    ref: str | None
    is_branch: bool


@dataclass(frozen=True, slots=True)
class _GitContents:
    """The files of one commit in a mirror."""

    mirror: Path
    commit: str
    sizes: Mapping[str, int]
    oids: Mapping[str, bytes]
    links: frozenset[str]

    def read(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        for path in paths:
            if path in self.links:
                raise unsafe(f"{path!r} is a link or a submodule", "only plain files are read")
        batch: list[str] = []
        size = 0
        for path in paths:
            batch.append(path)
            size += self.sizes[path]
            if size > BATCH_BYTES:
                yield from self._read_batch(batch)
                batch, size = [], 0
        yield from self._read_batch(batch)

    def _read_batch(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        if not paths:
            return
        asked = b"".join(self.oids[path] + b"\n" for path in paths)
        answer = _run_here(self.mirror, ["cat-file", "--batch"], stdin=asked)
        at = 0
        for path in paths:
            end = answer.index(b"\n", at)
            size = int(answer[at:end].split()[2])
            yield path, answer[end + 1 : end + 1 + size]
            at = end + 1 + size + 1


class GitRemote:
    """One remote repository, and our mirror of what was asked of it."""

    def __init__(self, location: Location, access: Access) -> None:
        """Check the host; nothing is fetched yet. Raises UnsafeLocationError."""
        self._url = location.url
        self._location = location
        self._config = {**_OUR_MIRROR, "http.followRedirects": "false", "protocol.allow": "never"}
        scheme = urlsplit(self._url).scheme
        self._config[f"protocol.{scheme}.allow"] = "always"
        self._token = None
        if scheme != "file":
            addresses = check_host(self._url, access)
            if addresses and scheme != "ssh":
                # git connects to what was checked, whatever the name means a moment later.
                self._config["http.curloptResolve"] = _resolve_to(self._url, addresses)
            self._token = access.token_for(self._url)
        name = hashlib.sha256(self._url.encode()).hexdigest()[:32]
        self._mirror = access.cache / "git" / f"{name}.git"

    def resolve(self) -> Resolved:
        """The commit of the location's ref. Raises ConfigError for a ref that is not there."""
        ref = self._location.ref
        if is_commit(ref):
            return Resolved(str(ref), None, is_branch=False)
        wanted = _candidates(ref)
        listed = self._remote(["ls-remote", "--quiet", "--", self._url, *wanted])
        found: dict[str, str] = {}
        for line in listed.decode("utf-8", "replace").splitlines():
            commit, _, name = line.partition("\t")
            if name in wanted:
                found[name] = commit
        names = [name for name in wanted if name in found and not name.endswith("^{}")]
        if len(names) > 1:
            raise ConfigError(
                f"{ref!r} is a branch and a tag",
                why="it is not said which of the two is meant",
                mend=f"write {' or '.join(f'@{name}' for name in names)}",
            )
        if not names:
            raise ConfigError(
                f"the repository has no branch or tag {ref!r}",
                why=f"{self._url} does not list it",
                mend="check the ref with `git ls-remote`, or push it",
            )
        commit = found.get(f"{names[0]}^{{}}", found[names[0]])
        return Resolved(commit, names[0], is_branch=not names[0].startswith("refs/tags/"))

    def open_commit(self, resolved: Resolved) -> _GitContents:
        """The files of a commit, fetched if the mirror lacks it."""
        # A mirror has objects of one format.
        object_format = "sha1" if len(resolved.commit) == 40 else "sha256"
        if object_format != "sha1":
            self._mirror = self._mirror.with_suffix(f".{object_format}.git")
        lock = self._mirror.parent / f"{self._mirror.name}.lock"
        make_folder(self._mirror.parent)
        with hold(lock, "the mirror of a parent", wait_s=LOCK_WAIT_S):
            if not (self._mirror / "HEAD").is_file():
                options = ["--quiet", "--bare", "--template=", f"--object-format={object_format}"]
                _run_here(self._mirror.parent, ["init", *options, str(self._mirror)])
            if not self._has(resolved.commit):
                self._fetch(resolved)
            return self._list(resolved.commit)

    def _has(self, commit: str) -> bool:
        try:
            kept = ["rev-parse", "--verify", "--quiet", f"refs/hugflow/{commit}^{{commit}}"]
            return _run_here(self._mirror, kept).decode().strip() == commit
        except GitFailed:
            return False

    def _fetch(self, resolved: Resolved) -> None:
        options = ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--update-shallow"]
        options += ["--no-write-fetch-head"]
        target = f"refs/hugflow/{resolved.commit}"
        try:
            one = f"+{resolved.commit}:{target}"
            self._remote([*options, "--depth=1", "--", self._url, one], self._mirror)
        except ParentUnavailable:
            # Some servers give only what a ref names.
            every = ["+refs/heads/*:refs/hugflow/heads/*", "+refs/tags/*:refs/hugflow/tags/*"]
            self._remote([*options, "--", self._url, *every], self._mirror)
            try:
                _run_here(self._mirror, ["update-ref", target, resolved.commit])
            except GitFailed as error:
                raise ConfigError(
                    f"the repository has no commit {resolved.commit}",
                    why=f"{self._url} gives none of that name; a branch may have been rewritten",
                    mend="name a ref that exists, and run `hugflow lock --upgrade`",
                ) from error

    def _list(self, commit: str) -> _GitContents:
        listed = _run_here(self._mirror, ["ls-tree", "-r", "-z", "-l", commit])
        sizes: dict[str, int] = {}
        oids: dict[str, bytes] = {}
        links: set[str] = set()
        for entry in filter(None, listed.split(b"\0")):
            head, _, name = entry.partition(b"\t")
            mode, _, oid, size = head.split()
            path = os.fsdecode(name)
            if mode in _LINK_MODES:
                links.add(path)
            sizes[path] = int(size) if size.isdigit() else 0
            oids[path] = oid
        return _GitContents(self._mirror, commit, sizes, oids, frozenset(links))

    def _remote(self, arguments: Sequence[str], folder: Path = Path("/")) -> bytes:
        """Ask the remote, with our token only if git's own credentials are refused."""
        try:
            return self._run(arguments, folder, None)
        except NotAuthorised:
            if self._token is None:
                raise
            return self._run(arguments, folder, self._token)

    def _run(self, arguments: Sequence[str], folder: Path, token: str | None) -> bytes:
        config = {**self._config, **token_config(self._url, token)}
        try:
            return run_git(
                folder, arguments, FETCH_TIMEOUT_S, config=config, may_ask_helpers=token is not None
            )
        except GitFailed as error:
            if _REFUSED.search(error.why):
                raise NotAuthorised(
                    f"{self._url}: we are not let in",
                    why=error.why,
                    mend="give git credentials for it, or set GITHUB_TOKEN to a token that may",
                ) from error
            raise ParentUnavailable(
                f"{self._url} cannot be read", why=error.why, mend=error.mend
            ) from error


def _run_here(folder: Path, arguments: Sequence[str], *, stdin: bytes = b"") -> bytes:
    """Run git without the network."""
    return run_git(folder, arguments, FETCH_TIMEOUT_S, stdin=stdin, config=_OUR_MIRROR)


def _resolve_to(url: str, addresses: Sequence[str]) -> str:
    """https://curl.se/libcurl/c/CURLOPT_RESOLVE.html: the host's addresses, in place of DNS."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    shown = ",".join(f"[{each}]" if ":" in each else each for each in addresses)
    return f"{parts.hostname}:{port}:{shown}"


def _candidates(ref: str | None) -> list[str]:
    """The full names that a ref may mean, with those of what a tag points to."""
    if ref is None:
        return ["HEAD"]
    if ref.startswith("refs/"):
        names = [ref]
    elif ref.startswith(("heads/", "tags/")):
        names = [f"refs/{ref}", f"refs/heads/{ref}", f"refs/tags/{ref}"]
    else:
        names = [f"refs/heads/{ref}", f"refs/tags/{ref}"]
    return [*names, *(f"{name}^{{}}" for name in names)]
