"""Pushing to object storage, by any file system that fsspec knows.

    <DEST>/<version>/data/...parquet   and beside each `...parquet.sha256`, once it is there
    <DEST>/<version>/README.md
    <DEST>/<version>/manifest.json     last: with it the version is complete
    <DEST>/latest.json                 {"version": "4c1f0d9b2a7e6685"}

A version is never changed, so a reader of one sees no other. After a stop, files whose sha256 is
there are not sent again.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from typing import Any
from urllib.parse import urlsplit

import fsspec

from hugflow.errors import CannotWrite, HugflowError, UsageWrong
from hugflow.late_dataclass import dataclass
from hugflow.pushing.files import PushFile
from hugflow.pushing.owner import not_ours, parse_manifest
from hugflow.redact import redact

_WITHOUT_FOLDERS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss"})
_LOCAL = frozenset({"file", "local"})


@dataclass
class StorageDestination:
    """A folder of a file system, such as `s3://bucket/speech`.

    is_replacing: `latest.json` of another dataset is replaced too.
    """

    url: str
    is_replacing: bool = False
    _system: Any = field(init=False)
    _root: str = field(init=False)
    _version: str = ""

    def __post_init__(self) -> None:
        """Open the file system. Raises UsageWrong for an unknown one, or one not installed."""
        try:
            self._system, self._root = fsspec.core.url_to_fs(self.url)
        except ImportError as error:
            scheme = urlsplit(self.url).scheme
            extra = "hugflow[s3]" if scheme in ("s3", "s3a") else "the package that it names"
            raise HugflowError(
                f"{scheme}:// cannot be opened",
                why=str(error),
                mend=f"install it: pip install '{extra}'",
            ) from error
        except ValueError as error:
            raise UsageWrong(
                f"{redact(self.url)!r} is no destination",
                why=str(error),
                mend="give owner/name of the Hub, or an address such as s3://bucket/folder",
            ) from error

    def open(self, dataset: str, version: str) -> None:
        """Choose the folder of the version. Raises UsageWrong if `latest.json` is not ours."""
        self._version = version
        if not self.is_replacing:
            self._refuse_others(dataset)

    def send(self, file: PushFile) -> bool:
        """Send one file unless it is there; whether it was sent."""
        target = self._path(file.path)
        with self._errors(target):
            if (
                self._read(f"{target}.sha256") == file.sha256
                and self._size(target) == file.size_bytes
            ):
                return False
            self._make_folder(target)
            self._system.put_file(str(file.file), target)
            self._system.pipe_file(f"{target}.sha256", file.sha256.encode())
        return True

    def finish(self, last: Sequence[PushFile], version: str) -> str:
        """Send the last files in order, then name the version as the latest; returns its address."""
        for file in last:
            target = self._path(file.path)
            with self._errors(target):
                self._make_folder(target)
                self._write_whole(target, file.file.read_bytes())
        latest = self._latest
        with self._errors(latest):
            self._write_whole(latest, json.dumps({"version": version}).encode())
        return f"{redact(self.url.rstrip('/'))}/{version}"

    @property
    def _latest(self) -> str:
        return f"{self._root.rstrip('/')}/latest.json"

    def _refuse_others(self, dataset: str) -> None:
        """Refuse a folder whose latest version is of another dataset, or not of a push."""
        with self._errors(self._latest, "read"):
            latest = self._read(self._latest)
            if latest is None:
                return
            try:
                version = str(json.loads(latest)["version"])
            except (ValueError, KeyError, TypeError):
                why = "it has a latest.json that no push has written"
                raise not_ours(self.url, dataset, why) from None
            path = f"{self._root.rstrip('/')}/{version}/manifest.json"
            manifest = parse_manifest((self._read(path) or "").encode())
        # A version that somebody has deleted is nobody's.
        if manifest is not None and manifest.dataset != dataset:
            why = f"its latest.json names a version of {manifest.dataset}"
            raise not_ours(self.url, dataset, why)

    def _make_folder(self, target: str) -> None:
        """Make the folder of a file, where there are folders; a bucket is never created."""
        if urlsplit(self.url).scheme not in _WITHOUT_FOLDERS:
            self._system.makedirs(target.rpartition("/")[0], exist_ok=True)

    def _write_whole(self, target: str, data: bytes) -> None:
        """Write a file that is whole or absent, also after a kill; object storage does so itself."""
        if urlsplit(self.url).scheme not in _LOCAL:
            self._system.pipe_file(target, data)
            return
        part = f"{target}.part"
        self._system.pipe_file(part, data)
        # It renames, and a file that is there is replaced at once.
        self._system.mv(part, target)

    def _path(self, path: str) -> str:
        return f"{self._root.rstrip('/')}/{self._version}/{path}"

    def _read(self, path: str) -> str | None:
        try:
            return bytes(self._system.cat_file(path)).decode("utf-8", "replace").strip()
        except FileNotFoundError:
            return None

    def _size(self, path: str) -> int | None:
        try:
            return int(self._system.info(path)["size"])
        except FileNotFoundError:
            return None

    @contextmanager
    def _errors(self, path: str, verb: str = "written") -> Iterator[None]:
        try:
            yield
        except HugflowError:
            raise
        except Exception as error:  # each file system has errors of its own
            raise CannotWrite(
                f"{path} cannot be {verb}",
                why=redact(f"{type(error).__name__}: {error}")[:300],
                mend="check the address, the credentials and the network, then run the same "
                "command again: what is there is not sent again",
            ) from error
