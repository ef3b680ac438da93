"""Repositories, trees, refs and commits in the shapes that the Hub's API gives them.

https://huggingface.co/docs/hub/api names the endpoints; the fields are those that
`huggingface_hub` and `datasets` read.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import yaml

from hugflow.testing.repository import AUTHOR, Commit, HubFile, Repository, tree_oid

# The kinds of tag that the Hub takes from a card; it writes them as `language:ms`.
CARD_TAGS = ("task_categories", "language", "size_categories", "license")


def render_info(repository: Repository, commit: Commit, *, with_blobs: bool) -> dict[str, Any]:
    """A repository at one commit; `with_blobs` adds the size and the hashes of every file."""
    card = read_card(commit.files)
    return {
        "_id": hashlib.sha256(repository.id.encode()).hexdigest()[:24],
        "id": repository.id,
        "author": repository.id.partition("/")[0],
        "sha": commit.sha,
        "createdAt": _render_time(min(c.created_at for c in repository.commits.values())),
        "lastModified": _render_time(commit.created_at),
        "private": repository.private,
        "gated": repository.gated,
        "disabled": repository.disabled,
        "downloads": 0,
        "likes": 0,
        "tags": list_tags(card),
        **({"cardData": card} if card else {}),
        "siblings": [
            {"rfilename": path, **(_render_blob(file) if with_blobs else {})}
            for path, file in sorted(commit.files.items())
        ],
    }


def render_entry(commit: Commit, path: str, *, expand: bool) -> dict[str, Any]:
    """A file or folder as a tree lists it; `expand` adds the commit that last changed it."""
    entry: dict[str, Any]
    file = commit.files.get(path)
    if file is None:
        entry = {"type": "directory", "oid": tree_oid(commit.files, path), "size": 0, "path": path}
    else:
        entry = {"type": "file", "oid": file.oid, "size": file.size_bytes, "path": path}
        if file.sha256:
            entry["lfs"] = {
                "oid": file.sha256,
                "size": file.size_bytes,
                "pointerSize": file.pointer_size_bytes,
            }
    if expand:
        last = commit.last_change(path)
        entry["lastCommit"] = {
            "id": last.sha,
            "title": last.message.partition("\n")[0],
            "date": _render_time(last.created_at),
        }
    return entry


def render_refs(repository: Repository, *, with_pull_requests: bool) -> dict[str, Any]:
    """Every ref of a repository, sorted into the Hub's families."""
    families = {"branches": "refs/heads/", "tags": "refs/tags/", "converts": "refs/convert/"}
    if with_pull_requests:
        families["pullRequests"] = "refs/pr/"
    return {
        family: [
            {"name": ref.removeprefix(prefix), "ref": ref, "targetCommit": sha}
            for ref, sha in sorted(repository.refs.items())
            if ref.startswith(prefix)
        ]
        for family, prefix in families.items()
    }


def render_commit(commit: Commit) -> dict[str, Any]:
    """A commit as the history lists it."""
    title, _, message = commit.message.partition("\n")
    return {
        "id": commit.sha,
        "title": title,
        "message": message.strip(),
        "authors": [{"user": AUTHOR}],
        "date": _render_time(commit.created_at),
    }


def read_card(files: Mapping[str, HubFile]) -> dict[str, Any]:
    """The YAML header of README.md; empty if there is none or it cannot be read."""
    readme = files.get("README.md")
    text = b"".join(readme.read(0, readme.size_bytes)).decode(errors="replace") if readme else ""
    before, _, rest = text.partition("---\n")
    head, fence, _ = rest.partition("\n---")
    try:
        card = yaml.safe_load(head) if fence and not before else None
    except yaml.YAMLError:
        card = None
    return card if isinstance(card, dict) else {}


def list_tags(card: Mapping[str, Any]) -> list[str]:
    """The tags that the Hub derives from a card."""
    tags = []
    for kind in CARD_TAGS:
        value = card.get(kind) or []
        tags += [f"{kind}:{item}" for item in ([value] if isinstance(value, str) else value)]
    return tags


def _render_blob(file: HubFile) -> dict[str, Any]:
    blob: dict[str, Any] = {"blobId": file.oid, "size": file.size_bytes}
    if file.sha256:
        blob["lfs"] = {
            "sha256": file.sha256,
            "size": file.size_bytes,
            "pointerSize": file.pointer_size_bytes,
        }
    return blob


def _render_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def render_collection(slug: str, items: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """A collection; items: as (kind, id), in order."""
    owner, _, title = slug.partition("/")
    return {
        "slug": slug,
        "title": title.rpartition("-")[0],
        "owner": {"name": owner, "type": "user"},
        "lastUpdated": "2026-01-01T00:00:00.000Z",
        "position": 0,
        "private": False,
        "theme": "green",
        "upvotes": 0,
        "items": [
            {"_id": f"{at:024x}", "id": id_, "type": kind, "position": at, "repoType": kind}
            for at, (kind, id_) in enumerate(items)
        ],
    }
