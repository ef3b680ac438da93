"""TLS between users and the server of flows: the server's certificate, and what clients trust.

<folder of the server>/tls    {"cert": "/etc/flows/server.pem", "key": "/etc/flows/server.key"}
                              without it the server speaks in the clear
"""

import ipaddress
import json
import ssl
from pathlib import Path

from hugflow.errors import SettingInvalid, UsageWrong
from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.store.atomic import read_file, write_file

SCHEME = "tls"
PLAIN_SCHEME = "nats"
_FILE = "tls"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the server shows, and its secret. cert, key: absolute paths of PEM files."""

    cert: Path
    key: Path

    def check(self) -> None:
        """Raise SettingInvalid for files that a server cannot use."""
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                self.cert, self.key, password=""
            )
        except (OSError, ValueError) as error:
            raise SettingInvalid(
                f"{self.cert} and {self.key} are no certificate with its key",
                why=in_a_line(str(error) or type(error).__name__),
                mend="give PEM files that belong to each other, the key without a password",
            ) from error


@dataclass(frozen=True, slots=True)
class TlsTrust:
    """Whose certificate a client accepts.

    file: PEM certificates. is_server_itself: it is the server's own certificate, on its machine;
        then the name in it does not matter.
    """

    file: Path
    is_server_itself: bool = False


def read_certificate(folder: Path) -> Certificate | None:
    """The certificate of the server in a folder; None when it speaks in the clear."""
    try:
        found = json.loads(read_file(folder / _FILE))
        return Certificate(Path(found["cert"]), Path(found["key"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise SettingInvalid(
            f"{folder / _FILE} cannot be read",
            why=in_a_line(str(error) or type(error).__name__),
            mend="delete it, and start `hugflow flows up` again",
        ) from error


def write_certificate(folder: Path, certificate: Certificate | None) -> None:
    """Note which certificate the server has."""
    if certificate is None:
        (folder / _FILE).unlink(missing_ok=True)
    else:
        names = {"cert": str(certificate.cert), "key": str(certificate.key)}
        write_file(folder / _FILE, json.dumps(names) + "\n")


def check_exposure(host: str, certificate: Certificate | None, *, is_insecure: bool) -> str:
    """What to warn of at an address to listen on; empty for nothing.

    Raises UsageWrong for an address that other machines reach, without TLS, unless is_insecure.
    """
    if certificate is not None or is_loopback(host):
        return ""
    if is_insecure:
        return (
            f"warning: {host} is reached by other machines, and messages are not encrypted on "
            "their way"
        )
    raise UsageWrong(
        f"{host} is reached by other machines, and the server has no certificate",
        why="without TLS everybody on the way can read the messages, clips included",
        mend="give --cert FILE and --key FILE, or --insecure on a network that you trust",
    )


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached by this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def context_for(url: str, trust: TlsTrust | None) -> ssl.SSLContext | None:
    """How a client checks a server's certificate; None where TLS is not asked for."""
    if trust is None:
        # Without a file of one's own: the authorities that this machine trusts.
        return ssl.create_default_context() if needs_tls(url) else None
    try:
        context = ssl.create_default_context(cafile=str(trust.file))
    except (OSError, ValueError) as error:
        raise SettingInvalid(
            f"{trust.file} holds no certificate that can be trusted",
            why=in_a_line(str(error) or type(error).__name__),
            mend="write the PEM file of the authority into flows: tls_ca: of hugflow.yaml",
        ) from error
    if trust.is_server_itself:
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def needs_tls(url: str) -> bool:
    """Whether an address may be connected to by TLS alone."""
    return url.startswith(f"{SCHEME}://")
