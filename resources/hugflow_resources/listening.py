"""Clips to listen to, beside the web UI: Dagster's markdown shows no `<audio>`.

    /_hugflow/listen/<dataset>?rows=0,1,2     a page with a player for each row
    /_hugflow/clip/<dataset>/0                the MP3 of a row

Both lie behind the guard like every other page. Only MP3s inside a dataset's folder are given.
"""

import html
import json
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hugflow.store.layout import DatasetFolder, Places
from hugflow_resources.clip_paths import CLIP, LISTEN

MOST_ROWS: Final = 20
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
_ROW: Final = re.compile(r"[0-9]{1,12}")
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'"
}
_PAGE: Final = """<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{name}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 15px sans-serif; margin: 2rem auto; max-width: 44rem; padding: 0 1rem }}
h1 {{ font-size: 1.1rem; overflow-wrap: anywhere }}
p {{ margin: 1.4rem 0 .4rem }}
audio {{ width: 100% }}
</style>
<h1>{name}</h1>
{players}
"""


class WithClips:
    """An ASGI application that gives clips, and passes on everything else."""

    def __init__(self, app: ASGIApp, places: Places) -> None:
        self._app = app
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith((LISTEN, CLIP)):
            await self._app(scope, receive, send)
            return
        if scope["method"] not in ("GET", "HEAD"):
            response: Response = PlainTextResponse("GET", 405, headers={"allow": "GET"})
        elif path.startswith(CLIP):
            response = await run_in_threadpool(self._give_clip, path.removeprefix(CLIP))
        else:
            query = scope["query_string"].decode("ascii", "replace")
            response = await run_in_threadpool(self._give_page, path.removeprefix(LISTEN), query)
        await response(scope, receive, send)

    def _give_page(self, name: str, query: str) -> Response:
        folder = self._find(name)
        rows = parse_qs(query).get("rows", [""])[0].split(",")[:MOST_ROWS]
        players = [
            _player(name, row, value)
            for row in rows
            if folder is not None and (value := _read_row(folder, row)) is not None
        ]
        if not players:
            return PlainTextResponse("there is no such clip", 404)
        page = _PAGE.format(name=html.escape(name), players="\n".join(players))
        return HTMLResponse(page, headers=_HEADERS)

    def _give_clip(self, rest: str) -> Response:
        name, _, row = rest.partition("/")
        folder = self._find(name)
        value = _read_row(folder, row) if folder is not None else None
        file = _find_mp3(folder, value) if folder is not None and value is not None else None
        if file is None:
            return PlainTextResponse("there is no such clip", 404)
        return FileResponse(file, media_type="audio/mpeg", headers=_HEADERS)

    def _find(self, name: str) -> DatasetFolder | None:
        return self._places.dataset(name) if _NAME.fullmatch(name) else None


def _read_row(folder: DatasetFolder, row: str) -> dict[str, Any] | None:
    """The JSON of a row; None if there is none, or none that we wrote."""
    if not _ROW.fullmatch(row):
        return None
    try:
        value = json.loads((folder.json / f"{int(row)}.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _find_mp3(folder: DatasetFolder, value: dict[str, Any]) -> Path | None:
    """The clip that a row's JSON names; None if it is not an MP3 inside the dataset's folder."""
    info = value.get("audio_info")
    named = info.get("path") if isinstance(info, dict) else None
    if not isinstance(named, str) or "\0" in named or not named.endswith(".mp3"):
        return None
    file, root = (folder.root / named).resolve(), folder.root.resolve()
    return file if file.is_relative_to(root) and file.is_file() else None


def _player(name: str, row: str, value: dict[str, Any]) -> str:
    text = value.get("text")
    # Half of a surrogate pair has no UTF-8.
    words = html.escape(text.encode(errors="replace").decode()) if isinstance(text, str) else ""
    address = f"{CLIP}{quote(name)}/{int(row)}"
    return (
        f"<p>row {int(row)} <bdi>{words}</bdi></p>"
        f'<audio controls preload="metadata" src="{address}"></audio>'
    )
