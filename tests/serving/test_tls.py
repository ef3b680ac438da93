"""TLS beyond this machine: real certificates of an authority of our own."""

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hugflow.errors import FlowServerUnavailable, SettingInvalid, UsageWrong
from hugflow.flows.project_key import ServingConfig
from hugflow.serving import colink, connect
from hugflow.serving.colink import CoLink
from hugflow.serving.places import ProjectServing
from hugflow.serving.server import FlowServer
from hugflow.serving.tls import Certificate, check_exposure
from tests.projects import Project

OPENSSL = shutil.which("openssl") or ""
EVERYWHERE = "0.0.0.0"  # noqa: S104  # it is refused

pytestmark = pytest.mark.skipif(not OPENSSL, reason="certificates are made by openssl")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem, and server.pem with server.key, which it has signed for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("certificates")
    new = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    make(folder, f"req -x509 {new} -keyout ca.key -out ca.pem -subj /CN=ours -days 2")
    make(folder, f"req {new} -keyout server.key -out server.csr -subj /CN=flows")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    signed = "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names"
    make(folder, f"{signed} -out server.pem -days 2")
    return folder


def make(folder: Path, words: str) -> None:
    subprocess.run(
        [OPENSSL, *words.split()], cwd=folder, check=True, capture_output=True, timeout=60
    )


@pytest.fixture(scope="module")
def guarded(certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowServer]:
    server = FlowServer(tmp_path_factory.mktemp("guarded"))
    server.use_certificate(Certificate(certificates / "server.pem", certificates / "server.key"))
    server.make_user("bob")
    server.start()
    yield server
    server.stop()


def test_a_client_with_the_authoritys_file_connects_by_tls(
    guarded: FlowServer, certificates: Path
) -> None:
    assert guarded.url.startswith("tls://")
    seed_file = guarded.seed_file("bob")
    with connect(seed_file, guarded.url, ca_file=certificates / "ca.pem") as cl:
        assert cl.run(cl.link.list_keys("served")) == []
    with socket.create_connection((guarded.host, guarded.port), 10) as plain:
        plain.recv(4096)
        answer = b""
        # It ends the connection, with an answer or without.
        with contextlib.suppress(ConnectionError):
            plain.sendall(b"CONNECT {}\r\nPING\r\n")
            answer = plain.recv(4096)
    assert b"PONG" not in answer


def test_a_later_command_finds_the_server_with_its_certificate(guarded: FlowServer) -> None:
    later = FlowServer(guarded.folder)
    assert later.url == guarded.url
    later.make_user("eve")
    later.apply()
    seed = later.read_seed(later.seed_file("eve"))
    CoLink(later.url, seed, trust=later.trust).close()


@pytest.mark.parametrize("scheme", ["tls", "nats"])
def test_a_server_whose_authority_is_unknown_is_not_talked_to(
    guarded: FlowServer, scheme: str
) -> None:
    url = guarded.url.replace("tls", scheme)
    with pytest.raises(FlowServerUnavailable, match="certificate that is not trusted") as caught:
        connect(guarded.seed_file("bob"), url)
    assert "tls_ca" in caught.value.mend


def test_a_certificate_for_another_name_is_refused(guarded: FlowServer, certificates: Path) -> None:
    url = guarded.url.replace("127.0.0.1", "localhost")
    with pytest.raises(FlowServerUnavailable, match="certificate that is not trusted"):
        connect(guarded.seed_file("bob"), url, ca_file=certificates / "ca.pem")


def test_a_server_in_the_clear_is_not_talked_to_where_tls_is_asked_for(server: FlowServer) -> None:
    server.make_user("clear")
    server.apply()
    with pytest.raises(FlowServerUnavailable, match="speaks no TLS"):
        connect(server.seed_file("clear"), server.url.replace("nats", "tls"))


def test_a_certificate_needs_its_own_key(certificates: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match="no certificate with its key"):
        FlowServer(tmp_path).use_certificate(
            Certificate(certificates / "server.pem", certificates / "ca.key")
        )
    serving = ProjectServing(colink.Project(tmp_path), ServingConfig(tls_cert="a.pem"), tmp_path)
    with pytest.raises(UsageWrong, match="without its key"):
        serving.find_certificate(None, None)
    assert serving.find_certificate(tmp_path / "b.pem", tmp_path / "b.key") == Certificate(
        tmp_path / "b.pem", tmp_path / "b.key"
    )


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "gpu-team", "192.168.1.7"])
def test_an_address_that_others_reach_needs_tls_or_a_word(host: str) -> None:
    with pytest.raises(UsageWrong, match="no certificate"):
        check_exposure(host, None, is_insecure=False)
    assert "not encrypted" in check_exposure(host, None, is_insecure=True)
    assert not check_exposure(host, Certificate(Path("a"), Path("b")), is_insecure=False)
    for own in ("127.0.0.1", "127.0.0.9", "::1", "localhost"):
        assert not check_exposure(own, None, is_insecure=False)


def test_flows_up_does_not_open_an_address_to_others_without_tls(tmp_path: Path) -> None:
    (tmp_path / "hugflow.yaml").write_text("flows: {}\n")
    done = Project(tmp_path, dict(os.environ)).run("flows", "up", "--host", EVERYWHERE)
    assert done.returncode == 2
    assert "--cert" in done.stderr
    assert not (tmp_path / ".hugflow-state" / "serving" / "server.conf").exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '"a"', "{}", '{"cert": 3, "key": 4}', "\x00", "9" * 5000]
)
def test_a_damaged_note_of_the_certificate_is_no_server_in_the_clear(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "tls").write_text(text)
    with pytest.raises(SettingInvalid, match="tls cannot be read") as caught:
        FlowServer(tmp_path)
    assert "flows up" in caught.value.mend
