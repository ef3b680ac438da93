"""A parent's location: text to a value, and which locations may stand in which repository.

    ../grandparent                                     a folder
    ../grandparent.zip                                 an archive: zip or tar.gz
    https://example.org/grandparent-1.0.0.zip          the same, fetched
    git+https://example.org/grandparent.git@refs/tags/1.0.0        also git+ssh, git+file
    github:org/repo@refs/tags/1.0.0
    hf://datasets/org/name@v1.0/subdir

A remote repository may name remote parents only.
"""

import re
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import unquote, urlsplit

from hugflow.hierarchy.access import Access
from hugflow.hierarchy.errors import ConfigError, UnsafeLocationError
from hugflow.late_dataclass import dataclass

Kind: TypeAlias = Literal["path", "zip", "git", "hub"]

ARCHIVE_SUFFIXES = (".zip", ".tar.gz", ".tgz")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?!\\)")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_CONTROLS = re.compile(r"[\x00-\x20\x7f]")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF = re.compile(r"(?!-)(?!.*(?:\.\.|@\{|//))[^\x00-\x20\x7f~^:?*\[\\]{1,255}(?<![./])")
_GITHUB = re.compile(r"github:([A-Za-z0-9._-]+)/([A-Za-z0-9._-]+?)(?:\.git)?(?:@(.+))?")
_HUB = re.compile(r"hf://datasets/([^/@]+/[^/@]+)(?:@([^/]+))?(?:/(.+))?")
_ARCHIVE_OF_REF = re.compile(r"(/archive/|/zip/|/tar\.gz/)(.+?)(\.zip|\.tar\.gz|\.tgz)?")
HOW = (
    "write a folder (../speech), https://HOST/FILE.zip, git+https://HOST/OWNER/REPO@REF, "
    "github:OWNER/REPO@REF or hf://datasets/OWNER/NAME@REF"
)


@dataclass(frozen=True, slots=True)
class Location:
    """Where a parent is.

    path: of a folder or a local archive. url: of a fetched archive, or for git.
    ref: of git or the Hub, as it is written; None for the default branch.
    repo, subdir: on the Hub.
    """

    kind: Kind
    text: str
    path: Path | None = None
    url: str = ""
    ref: str | None = None
    repo: str = ""
    subdir: str = ""

    @property
    def is_remote(self) -> bool:
        """Whether its content comes over the network, from people who may not name our files."""
        return self.path is None


@dataclass(frozen=True, slots=True)
class Declarer:
    """The repository in which a location is written.

    base: the folder that relative paths begin at. is_remote: it came over the network.
    """

    base: Path
    is_remote: bool = False


def parse_location(text: str, declarer: Declarer, access: Access) -> Location:
    """The location in a text. Raises UnsafeLocationError, or ConfigError without a place."""
    if _CONTROLS.search(text) and (_has_scheme(text) or re.search(r"[\x00-\x1f\x7f]", text)):
        raise _wrong("it holds a space or a control character")
    try:
        location = _parse(text, declarer.base, access)
        # Reading the port raises ValueError for an invalid one.
        port = urlsplit(location.url).port if location.url else None
    except (ValueError, RuntimeError):
        raise _wrong("its address, or the home that ~ names, cannot be read") from None
    if port == 0:
        raise _wrong("there is no port 0")
    if declarer.is_remote and not location.is_remote:
        raise UnsafeLocationError(
            "a remote repository names a path or file of this machine as its parent",
            why="whoever wrote it could read files here that are not theirs",
            mend="let that repository name a remote parent, or override it by a local folder",
        )
    return location


def is_commit(ref: str | None) -> bool:
    """Whether a ref is a full commit."""
    return ref is not None and _COMMIT.fullmatch(ref) is not None


def is_branch_archive(url: str) -> bool:
    """Whether an archive's URL names a branch of GitHub, or what may be one."""
    found = _ARCHIVE_OF_REF.search(urlsplit(url).path)
    if found is None:
        return False
    ref = urlsplit(url).path[found.start(2) :]
    ref = re.sub(r"(?:\.zip|\.tar\.gz|\.tgz)\Z", "", ref)
    return not (is_commit(ref) or ref.startswith("refs/tags/"))


def with_ref(text: str, ref: str) -> str | None:
    """A location at another ref; None for one that has no ref."""
    if text.startswith(("git+", "github:")):
        return f"{_split_ref(text)[0]}@{ref}"
    found = _HUB.fullmatch(text)
    if found:
        subdir = f"/{found[3]}" if found[3] else ""
        return f"hf://datasets/{found[1]}@{ref}{subdir}"
    path = urlsplit(text).path
    archive = _ARCHIVE_OF_REF.search(path)
    if text.startswith("http") and archive and archive[1] == "/archive/":
        suffix = next((each for each in ARCHIVE_SUFFIXES if path.endswith(each)), ".zip")
        return text[: text.index("/archive/") + len("/archive/")] + ref + suffix
    return None


def _parse(text: str, base: Path, access: Access) -> Location:
    if text.startswith("github:"):
        return _parse_github(text, access)
    if text.startswith("hf://"):
        return _parse_hub(text)
    if text.startswith("git+"):
        return _parse_git(text)
    if text.lower().startswith(("https://", "http://")):
        _refuse_credentials(text)
        return Location("zip", text, url=text)
    if text.lower().startswith("file:"):
        path = _file_path(text)
    elif _has_scheme(text):
        raise _wrong(f"{text.partition(':')[0]!r} is no kind of location")
    else:
        path = base / Path(text).expanduser()
    # An archive is a file; a folder called `x.zip` is a folder.
    is_archive = not path.is_dir() and (path.is_file() or str(path).endswith(ARCHIVE_SUFFIXES))
    return Location("zip" if is_archive else "path", text, path=path)


def _parse_git(text: str) -> Location:
    head, ref = _split_ref(text)
    url = head.removeprefix("git+")
    scheme = url.partition(":")[0].lower()
    if scheme not in ("https", "http", "ssh", "file"):
        raise _wrong("git takes git+https, git+ssh and git+file")
    if ref is not None and not _REF.fullmatch(ref):
        raise _wrong("git knows no such ref")
    if scheme == "file":
        return Location("git", text, path=_file_path(url), url=url, ref=ref)
    host = urlsplit(url).netloc
    if not host or host.startswith("-") or "@-" in host:
        raise _wrong("the address has no host")
    if scheme != "ssh":
        _refuse_credentials(url)
    elif urlsplit(url).password:
        raise _credentials()
    return Location("git", text, url=url, ref=ref)


def _parse_github(text: str, access: Access) -> Location:
    found = _GITHUB.fullmatch(text)
    if found is None or (found[3] is not None and not _REF.fullmatch(found[3])):
        raise _wrong("GitHub is written github:org/repo@ref")
    url = f"{access.github_server}/{found[1]}/{found[2]}.git"
    return Location("git", text, url=url, ref=found[3])


def _parse_hub(text: str) -> Location:
    found = _HUB.fullmatch(text)
    if found is None:
        raise _wrong("the Hub is written hf://datasets/org/name@revision")
    subdir = (found[3] or "").strip("/")
    if any(part in ("", ".", "..") for part in subdir.split("/")) and subdir:
        raise _wrong("the sub-folder must be inside the repository")
    return Location("hub", text, ref=unquote(found[2]) if found[2] else None, repo=found[1],
                    subdir=subdir)  # fmt: skip


def _split_ref(text: str) -> tuple[str, str | None]:
    """The address and the ref after the last `@` of its path."""
    start = text.find("://")
    slash = text.find("/", start + 3) if start >= 0 else text.find("/")
    at = text.rfind("@")
    if at < slash or slash < 0:
        return text, None
    return text[:at], text[at + 1 :]


def _file_path(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise _wrong("a file's address is written file:///path")
    return Path(unquote(parts.path))


def _has_scheme(text: str) -> bool:
    return _SCHEME.match(text) is not None and not _DRIVE.match(text)


def _refuse_credentials(url: str) -> None:
    if "@" in urlsplit(url).netloc:
        raise _credentials()


def _credentials() -> UnsafeLocationError:
    return UnsafeLocationError(
        "the location holds a user or a password",
        why="the file is committed, and everybody who reads it would have them",
        mend="take them out, revoke them, and use GITHUB_TOKEN or git's credentials",
    )


def _wrong(why: str) -> ConfigError:
    return ConfigError("the location cannot be understood", why=why, mend=HOW)
