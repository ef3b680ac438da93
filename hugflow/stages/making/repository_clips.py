"""Clips that are separate files in the dataset's repository; rows name them by a path.

A path always means the file of that name in the same repository at the same commit. The file is
looked up on the Hub, fetched, compared with the Hub's hash, and deleted when its row is made.
"""

import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import field
from pathlib import Path, PurePosixPath
from threading import Lock

from hugflow.audio.bad import AudioBad
from hugflow.audio.strangers import name_stranger
from hugflow.clients.part_file import is_verified
from hugflow.clients.repository import PublishedFile, RepoId
from hugflow.errors import FileMissing
from hugflow.late_dataclass import dataclass
from hugflow.shards.plan import Shard
from hugflow.stages.build.build import Build

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_MAX_PATH_CHARACTERS = 1_000
_LOOKED_AT = 512
_SHOWN = 100
# Two files that share a lock wait for each other; there are more locks than workers.
LOCKS = 256


def repository_path(path: str, hf_id: str, commit: str) -> str:
    """The name, in the repository, of the file that a row's path means.

    `clips/a.wav` and `hf://datasets/<hf_id>@<commit>/clips/a.wav` are the same file. Raises AudioBad
    (`path_refused`) for every path that leads, or might lead, anywhere else, and
    (`audio_unsupported`) for the text of a file in the place of its path.
    """
    own = path.removeprefix(f"hf://datasets/{hf_id}@{commit}/")
    name = PurePosixPath(own)
    is_inside = (
        0 < len(own) <= _MAX_PATH_CHARACTERS
        and own.isprintable()
        and not own.startswith("/")
        and "\\" not in own
        and not _SCHEME.match(own)
        and not {"..", "~"} & set(name.parts)
        and name.parts
    )
    if not is_inside:
        stranger = name_stranger(path[:_LOOKED_AT].encode("utf-8", "replace"))
        if stranger is not None:
            raise AudioBad("audio_unsupported", f"the audio is {stranger}")
        shown = path if len(path) <= _SHOWN else f"{path[:_SHOWN]}…"
        raise AudioBad("path_refused", f"the path {shown!r} leads out of the repository")
    return name.as_posix()


@dataclass(slots=True)
class RepositoryFiles:
    """The files of a repository that the rows of one shard name. Safe to use from threads."""

    build: Build
    shard: Shard
    _files: dict[str, PublishedFile] = field(default_factory=dict)
    _locks: tuple[Lock, ...] = field(default_factory=lambda: tuple(Lock() for _ in range(LOCKS)))

    def look_up(self, paths: Iterable[str]) -> None:
        """Look up a batch of paths on the Hub, so that `lend` need not ask for each."""
        request, commit = self.build.plan.request, self.build.plan.commit
        names = set()
        for path in paths:
            try:
                names.add(repository_path(path, request.hf_id, commit))
            except AudioBad:
                # The error is reported with its row, when the row is made.
                continue
        unknown = sorted(names - self._files.keys())
        if unknown:
            self._files |= self.build.hub.find_files(RepoId.dataset(request.hf_id), commit, unknown)

    @contextmanager
    def lend(self, path: str) -> Iterator[Path]:
        """Give the block the file that `path` means, fetched and verified.

        Raises AudioBad for the row (`path_refused`, `path_not_found`, `audio_empty`), and the
        Hub's errors for problems of more than one row, such as an unreachable Hub.
        """
        plan = self.build.plan
        name = repository_path(path, plan.request.hf_id, plan.commit)
        file = self._files.get(name)
        if file is None:
            raise AudioBad("path_not_found", f"the repository has no file {path!r} at its commit")
        if not file.size_bytes:
            raise AudioBad("audio_empty", "the audio has zero bytes")
        target = self._folder / hashlib.sha256(name.encode()).hexdigest()[:32]
        # Two rows may name one file.
        with self._locks[zlib.crc32(name.encode()) % LOCKS]:
            if not (target.is_file() and is_verified(target, file)):
                self._fetch(file, target)
            try:
                yield target
            finally:
                if not self.build.options.keep_raw:
                    target.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the folder of the fetched files, unless some are kept or still needed."""
        with suppress(OSError):
            self._folder.rmdir()

    @property
    def _folder(self) -> Path:
        raw_file = self.build.state.raw_file(self.shard.name)
        return raw_file.with_name(f"{raw_file.name}.clips")

    def _fetch(self, file: PublishedFile, target: Path) -> None:
        build = self.build
        try:
            build.hub.fetch_file(
                RepoId.dataset(build.plan.request.hf_id),
                build.plan.commit,
                file,
                target,
                durable=build.options.keep_raw,
                slots=build.download_slots,
            )
        except FileMissing as error:
            raise AudioBad("path_not_found", f"{error.what}: {error.why}") from error
