"""Servers are verified as httpx2 does it, by authorities that are read for the first of them."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx2
import pytest

from hugflow.clients.late_certificates import LateCertificates, late_certificates
from hugflow.testing.hub import LoopbackHub


class Greeting(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *values: object) -> None:  # noqa: A002  # its name there
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that is its own authority, with its key."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-subj", "/CN=127.0.0.1"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(file), "-out", "/dev/stdout"]
    done = subprocess.run(made, check=True, capture_output=True, text=True)
    file.write_text(file.read_text() + done.stdout)
    return file


@pytest.fixture
def address(certificate: Path) -> Iterator[str]:
    """Of a server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with HTTPServer(("127.0.0.1", 0), Greeting) as server:
        server.handle_error = lambda *values: None  # type: ignore[method-assign]  # refused
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()


def is_read(certificates: LateCertificates) -> bool:
    return "_context" in vars(certificates)


def test_a_server_whose_authority_is_known_is_asked(
    address: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with httpx2.Client(verify=late_certificates(), trust_env=False) as client:
        assert client.get(address).text == "hello"


def test_a_server_that_no_authority_vouches_for_is_refused(address: str):
    with (
        httpx2.Client(verify=late_certificates(), trust_env=False) as client,
        pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        client.get(address)


def test_no_authorities_are_read_for_an_http_address(hub: LoopbackHub):
    certificates = late_certificates()
    with httpx2.Client(verify=certificates) as client:
        assert client.get(f"{hub.endpoint}/api/datasets/no/one").status_code >= 400
    assert not is_read(certificates)
