"""Files with secrets are not sent."""

from pathlib import Path

import pytest

from hugflow.errors import FlowModuleRefused
from hugflow.flows.sendable import refuse_tokens

# Each is put together here, so that this file holds none.
SECRETS = {
    "of the Hub": "hf_" + "ab12" * 9,
    "of GitHub": "ghp_" + "ab12" * 9,
    "of AWS": "AKIA" + "AB12" * 4,
    "of Google": "AIza" + "ab12_" * 7,
    "of OpenAI": "sk-" + "ab12" * 9,
    "of NATS": "SU" + "AB2C3D4E" * 7,
    "a private key": "-----BEGIN OPENSSH PRIVATE" + " KEY-----",
    "our own": "swordfish",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("around", ["{}", 'KEY = "{}"\n', "\0\1{}\xff"])
def test_a_file_with_a_secret_is_named_and_not_sent(
    tmp_path: Path, secret: str, around: str
) -> None:
    (tmp_path / "fine.py").write_text("sk = 1\n")
    (tmp_path / "config.py").write_bytes(around.format(secret).encode("latin-1"))
    refuse_tokens(tmp_path, ["fine.py"], "swordfish")
    with pytest.raises(FlowModuleRefused, match=r"config\.py holds a token or a key"):
        refuse_tokens(tmp_path, ["fine.py", "config.py"], "swordfish")


def test_code_that_speaks_of_keys_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "task-force, AKIA, hf_hub_download, -----BEGIN CERTIFICATE-----\n"
    )
    refuse_tokens(tmp_path, ["a.py"], False)
