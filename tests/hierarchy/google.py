"""Google's export of sheets on 127.0.0.1: public and private ones, and tokens for an account."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

TOKEN = "ya29.made-up"


class Google:
    """What it holds: public and private workbooks by id; asked: the paths of all requests."""

    def __init__(self) -> None:
        self.public: dict[str, bytes] = {}
        self.private: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.modified = "2026-01-01T00:00:00.000Z"
        self.faults = 0
        self.url = ""
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def credentials(self) -> str:
        """The JSON key of the account that the private sheets are shared with."""
        pem = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        key = {"client_email": "reader@example.org", "private_key": pem.decode()}
        return json.dumps({**key, "token_uri": f"{self.url}/token"})

    def answer(self, path: str, token: str | None) -> tuple[int, bytes]:
        """Status and body of a GET."""
        self.asked.append(path)
        if self.faults:
            self.faults -= 1
            return 503, b"later"
        if path.startswith("/drive/"):
            assert token == f"Bearer {TOKEN}"
            return 200, json.dumps({"modifiedTime": self.modified}).encode()
        sheet_id = path.split("/")[3]
        if sheet_id in self.public:
            return 200, self.public[sheet_id]
        if sheet_id in self.private:
            shared = token == f"Bearer {TOKEN}"
            return 200, self.private[sheet_id] if shared else b"<html>Sign in</html>"
        return 404, b"<html>no such file</html>"

    def give_token(self, form: dict[str, list[str]]) -> bytes:
        """A token for a statement that the account has signed."""
        claims = jwt.decode(
            form["assertion"][0], self._key.public_key(), ["RS256"], audience=f"{self.url}/token"
        )
        assert claims["iss"] == "reader@example.org"
        return json.dumps({"access_token": TOKEN, "expires_in": 3600}).encode()


@contextmanager
def serve_google() -> Iterator[Google]:
    """Serve a Google until the block ends."""
    google = Google()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply(*google.answer(self.path, self.headers["Authorization"]))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.reply(200, google.give_token(parse_qs(body)))

        def reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        google.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield google
        finally:
            server.shutdown()
            thread.join()
