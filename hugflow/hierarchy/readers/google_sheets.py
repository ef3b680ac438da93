"""Google Sheets, exported as xlsx: public ones without an account, others with a service account.

    GET {export_url}/spreadsheets/d/{id}/export?format=xlsx
    GET {drive_url}/drive/v3/files/{id}?fields=modifiedTime        only as an account

CREDENTIALS is the JSON key of a service account, or the path of its file. The sheet is shared with
the account's address, `client_email`. https://developers.google.com/identity/protocols/oauth2/service-account
"""

import json
import re
import time
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hugflow.errors import NotAuthorised, SettingInvalid
from hugflow.hierarchy.errors import ConfigError
from hugflow.hierarchy.readers.download import SourceUnavailable, download
from hugflow.hierarchy.readers.packed import MAX_PACKED_BYTES
from hugflow.late_dataclass import dataclass

EXPORT_URL = "https://docs.google.com"
DRIVE_URL = "https://www.googleapis.com"
TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address
SCOPES = "https://www.googleapis.com/auth/drive.readonly"
_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_ID_IN_URL = re.compile(r"/spreadsheets/d/([A-Za-z0-9_-]+)")
_TOKEN_LIFE_S = 3600


@dataclass(slots=True)
class GoogleSheets:
    """Where sheets are exported from, and as whom.

    credentials: JSON or a path, see above; None reads public sheets.
    """

    export_url: str = EXPORT_URL
    credentials: str | None = field(default=None, repr=False)
    _token: str | None = field(default=None, init=False, repr=False)

    def fetch_xlsx(self, reference: str) -> bytes:
        """The workbook of a sheet's id, or of its address in the browser.

        Raises NotAuthorised if the sheet is not shared, MissingFileError if there is none.
        """
        sheet_id = _read_id(reference)
        url = f"{self.export_url}/spreadsheets/d/{sheet_id}/export?format=xlsx"
        data = download(url, MAX_PACKED_BYTES, headers=self._headers())
        if not data.startswith(b"PK"):
            # A sheet that is not shared answers with the page where one signs in.
            raise NotAuthorised(
                f"the Google sheet {sheet_id} may not be read",
                why="its server sent a web page instead of a workbook",
                mend="share it with everyone who has the link, or set CREDENTIALS to the key of a "
                "service account that it is shared with",
            )
        return data

    def find_modified(self, reference: str) -> datetime | None:
        """When a sheet was last changed; None without an account, which alone may ask."""
        if not self.credentials:
            return None
        base = DRIVE_URL if self.export_url == EXPORT_URL else self.export_url
        url = f"{base}/drive/v3/files/{_read_id(reference)}?fields=modifiedTime"
        url += "&supportsAllDrives=true"
        answer = _read_answer(download(url, 1_000_000, headers=self._headers()), "modifiedTime")
        try:
            modified = datetime.fromisoformat(answer)
        except ValueError as error:
            raise _strange("modifiedTime") from error
        if modified.tzinfo is None:
            raise _strange("modifiedTime")
        return modified

    def _headers(self) -> dict[str, str]:
        token = self._find_token()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _find_token(self) -> str | None:
        if self.credentials and self._token is None:
            key = _read_key(self.credentials)
            self._token = self._fetch_token(key)
        return self._token

    def _fetch_token(self, key: dict[str, Any]) -> str:
        """A token for an hour: a signed statement of who we are is exchanged for it."""
        import jwt

        token_url = str(key.get("token_uri", TOKEN_URL))
        # The key may not choose who gets the statement; only our own address may differ.
        if token_url != TOKEN_URL and _origin(token_url) != _origin(self.export_url):
            raise _unusable(f"its token_uri is not {TOKEN_URL}")
        now = int(time.time())
        claims = {
            "iss": key["client_email"],
            "scope": SCOPES,
            "aud": token_url,
            "iat": now,
            "exp": now + _TOKEN_LIFE_S,
        }
        try:
            statement = jwt.encode(claims, key["private_key"], algorithm="RS256")
        except Exception as error:
            raise _unusable("its private_key cannot be used") from error
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": statement}
        return _read_answer(download(token_url, 1_000_000, data=form), "access_token")


def _read_answer(data: bytes, field: str) -> str:
    """A field of a JSON answer of Google. The answer is never shown: it may hold a token."""
    try:
        return str(json.loads(data)[field])
    except (ValueError, LookupError, TypeError, RecursionError):
        raise _strange(field) from None


def _strange(field: str) -> SourceUnavailable:
    return SourceUnavailable(
        "Google gave an answer that cannot be read",
        why=f"it is no JSON with a sound {field}",
        mend="try again later; behind a proxy, look at what it answers",
    )


def _read_id(reference: str) -> str:
    """The id in a reference, which may be the sheet's address in the browser."""
    found = _ID_IN_URL.search(reference)
    sheet_id = found[1] if found else reference
    if not _ID.fullmatch(sheet_id):
        raise ConfigError(
            f"{reference!r} is no id of a Google sheet",
            why="an id is letters, digits, - and _; it is the long part of the sheet's address",
            mend="write the id, or the name that `sheet_names:` gives it",
        )
    return sheet_id


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _read_key(credentials: str) -> dict[str, Any]:
    text = credentials.strip()
    try:
        if not text.startswith("{"):
            text = Path(text).expanduser().read_text("utf-8")
        key = json.loads(text)
    except (OSError, ValueError) as error:
        raise _unusable(f"it cannot be read: {type(error).__name__}") from None
    if not isinstance(key, dict) or not key.keys() >= {"client_email", "private_key"}:
        raise _unusable("it has no client_email and private_key")
    return key


def _unusable(why: str) -> SettingInvalid:
    return SettingInvalid(
        "CREDENTIALS is no key of a service account",
        why=why,
        mend="set it to the JSON key that Google gave you, or to the path of that file",
    )
