"""Repositories, their commits and files."""

from base64 import encodebytes
from urllib.parse import quote

from hugflow.testing.exchange import Response, answer_json
from hugflow.testing.github_api.call import Call
from hugflow.testing.github_api.refusal import GitHubRefusal
from hugflow.testing.github_api.render import render_commit, render_pull, render_repo
from hugflow.testing.repository import Commit, HubFile, list_tree, tree_entry, tree_oid

# Above it GitHub gives a file's name and size, and no content.
LARGEST_INLINE_BYTES = 1 << 20


def answer_repo(call: Call) -> Response:
    """The repository, with the token's permissions."""
    return answer_json(render_repo(call.api_url, call.repo, call.holder))


def answer_branch(call: Call) -> Response:
    """A branch and its commit."""
    name = "/".join(call.words)
    sha = call.repo.branches.get(name)
    if sha is None:
        raise GitHubRefusal(404, "Branch not found")
    commit = render_commit(call.api_url, call.repo, call.repo.commits[sha])
    return answer_json({"name": name, "commit": commit, "protected": False})


def answer_commit(call: Call) -> Response:
    """A commit by branch, ref or id."""
    [ref] = call.words
    return answer_json(render_commit(call.api_url, call.repo, call.find_commit(ref)))


def answer_commit_pulls(call: Call) -> Response:
    """The pull requests that a commit belongs to: their head, or what their merge made."""
    [ref] = call.words
    sha = call.find_commit(ref).sha
    pulls = [pull for pull in call.repo.pulls.values() if sha in {pull.head_sha, pull.merge_sha}]
    return call.answer_page(
        pulls, lambda pull: render_pull(call.api_url, call.repo, pull, is_whole=False)
    )


def answer_contents(call: Call) -> Response:
    """A file, or the content of a folder, at a ref; raw if the client asks for that."""
    path = "/".join(call.words)
    ref = call.parameter("ref", call.repo.default_branch)
    commit = call.repo.find_commit(ref)
    if commit is None:
        raise GitHubRefusal(404, f"No commit found for the ref {ref}")
    entry = tree_entry(commit.files, path) if path else tree_oid(commit.files)
    if entry is None:
        raise GitHubRefusal(404, "Not Found")
    if isinstance(entry, str):
        inside = list_tree(commit.files, path, recursive=False)
        return answer_json([_render(call, ref, commit, each) for each in inside])
    content = b"".join(entry.read(0, entry.size_bytes))
    if ".raw" in call.ask.headers.get("accept", ""):
        return Response(200, {"Content-Type": "application/vnd.github.raw+json"}, content)
    is_inline = len(content) <= LARGEST_INLINE_BYTES
    return answer_json(
        {
            **_render(call, ref, commit, path),
            "encoding": "base64" if is_inline else "none",
            "content": encodebytes(content).decode() if is_inline else "",
        }
    )


def _render(call: Call, ref: str, commit: Commit, path: str) -> dict[str, str | int]:
    entry = tree_entry(commit.files, path)
    is_file = isinstance(entry, HubFile)
    return {
        "type": "file" if is_file else "dir",
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": entry.oid if isinstance(entry, HubFile) else str(entry),
        "size": entry.size_bytes if isinstance(entry, HubFile) else 0,
        "url": f"{call.repo_url}/contents/{quote(path)}?ref={quote(ref)}",
    }
