"""What is secret does not leave, and what is not stays as it is."""

import base64
import hashlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.errors import HugflowError
from hugflow.redact import HIDDEN, in_a_line, redact, remember, without_secrets


def made_up(prefix: str, length: int = 36) -> str:
    """A token that nobody has, of the right form."""
    return prefix + hashlib.sha256(prefix.encode()).hexdigest()[:length]


TOKENS = [
    made_up(prefix)
    for prefix in ("hf_", "ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_", "xoxb-", "xoxp-")
] + [
    f"xoxb-{10**11}-{10**11 + 1}-{made_up('', 24)}",
    f"xapp-1-A1-{made_up('', 20)}",
    "SU" + "AB2C3D4E" * 7,
]


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("around", ["{}", "refused {}.", "`{}`", "a={}&b", "({})", '"{}"'])
def test_what_looks_like_a_token_does_not_leave(token: str, around: str):
    assert redact(around.format(token)) == around.format(HIDDEN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "POST https://hooks.slack.com/services/T1/B1/abc failed",
            f"POST https://hooks.slack.com/services/{HIDDEN} failed",
        ),
        ("git clone https://ana:s3cret@host/x.git", f"git clone https://{HIDDEN}@host/x.git"),
        ("a+1://me:pass@host", f"a+1://{HIDDEN}@host"),
        ("postgresql://me:p@ss@db:5432/x", f"postgresql://{HIDDEN}@db:5432/x"),
        (
            "https://cdn/x?X-Amz-Signature=0af&part=1",
            f"https://cdn/x?X-Amz-Signature={HIDDEN}&part=1",
        ),
        (f"Authorization: Bearer {made_up('')}", f"Authorization: Bearer {HIDDEN}"),
    ],
)
def test_what_opens_an_address_does_not_leave(text: str, expected: str):
    assert redact(text) == expected


@given(
    secret=st.text(min_size=6, max_size=40).filter(lambda text: text not in HIDDEN),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
)
def test_a_known_secret_is_never_left(secret: str, before: str, after: str):
    assert secret not in redact(before + secret + after, [secret]).replace(HIDDEN, "\0")


def test_a_known_secret_does_not_leave_in_an_address_either():
    assert redact("https://host/?q=a%2Fb%20secret", ["a/b secret"]) == f"https://host/?q={HIDDEN}"


def test_a_secret_within_another_does_not_spare_the_rest_of_it():
    assert redact("made-up-longer", ["made-up", "made-up-longer"]) == HIDDEN


@pytest.mark.parametrize(
    "text",
    [
        "hf_internal_testing/tiny: the column 'ghost_token' is missing",
        "acme__speech__split_train__rev_main",
        "requests/add/x.yaml:3: hf_id: mail ana@example.org about https://example.org/a@b",
        "a token is missing; the basic one will do",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str):
    assert redact(text, ["", "a"]) == text


@pytest.mark.parametrize("part", ["a.", "a://", "://b", "x-a+", "token ", "?sig", "hooks.slack"])
def test_a_long_text_without_secrets_is_looked_through_once(part: str):
    assert redact(part * 100_000) == part * 100_000


def test_an_environment_without_secrets_has_all_the_rest():
    kept = {"PATH": "/bin", "HF_HOME": "/x", "LD_LIBRARY_PATH": "/lib", "KEYBOARD": "de"}
    secrets = (
        "HF_TOKEN GITHUB_TOKEN SLACK_BOT_TOKEN SLACK_WEBHOOK_URL AWS_SECRET_ACCESS_KEY PGPASSWORD "
        "DATABASE_URL API_KEY GH_PAT"
    )
    assert without_secrets(kept | dict.fromkeys(secrets.split(), "x")) == kept


def test_what_a_process_remembers_is_in_no_error():
    remember("open sesame", None)
    error = HugflowError("open sesame", why="it says 'open sesame'", mend="say open%20sesame")
    assert "sesame" not in f"{error} {error.args}"


@given(
    secret=st.text(min_size=9, max_size=40),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
    is_for_urls=st.booleans(),
)
def test_a_known_secret_does_not_leave_within_base64(secret, before, after, is_for_urls):
    data = (before + secret + after).encode()
    encode = base64.urlsafe_b64encode if is_for_urls else base64.b64encode
    left = redact(encode(data).decode(), [secret])
    assert HIDDEN in left
    # But for the characters at its edges, which hold bits of what stands beside it.
    kept = sum(map(len, left.split(HIDDEN)))
    assert kept <= -(-len(before.encode()) * 8 // 6) + -(-len(after.encode()) * 8 // 6) + 6


def test_a_secret_that_is_no_unicode_is_known_too():
    secret = "sesame-\udcff-of-the-hub"
    assert redact(f"no {secret}!", [secret]) == f"no {HIDDEN}!"


WEBHOOK = "https://hooks.slack.com/services/T012345/B012345/abcdefgh12345678"


@pytest.mark.parametrize(
    "text",
    [
        "POST /services/T012345/B012345/abcdefgh12345678 failed",
        "https%3a%2f%2fhooks.slack.com%2fservices%2fT012345%2fB012345%2fabcdefgh12345678",
        r"https:\/\/hooks.slack.com\/services\/T012345\/B012345\/abcdefgh12345678",
        "no webhook abcdefgh12345678",
    ],
)
def test_what_opens_a_webhook_does_not_leave_in_any_form(text: str):
    assert "abcdefgh12345678" not in redact(text, [WEBHOOK])


@pytest.mark.parametrize("gap", [" ", "%20", "+"])
def test_a_header_is_known_in_an_address_too(gap: str):
    assert redact(f"Basic{gap}{'ab' * 12}") == f"Basic{gap}{HIDDEN}"


@pytest.mark.parametrize("padding", range(270, 301, 5))
def test_a_secret_is_taken_out_before_a_text_is_shortened(padding: int):
    secret = "Sesame-of-the-Hub-8f1c2d"
    remember(secret)
    assert "Sesame" not in in_a_line("y" * padding + " " + secret)


LOGGING = """
import logging, sys, warnings
from hugflow.redact import redact_logs, remember
remember("sesame-of-the-hub")
redact_logs()
redact_logs()
logger = logging.getLogger("a.library")
logger.addHandler(logging.StreamHandler())
logger.propagate = False
logger.warning("your token %s is old", "sesame-of-the-hub")
logger.warning("your token %s %s", "too few")
try:
    raise ValueError("sesame-of-the-hub")
except ValueError:
    logger.exception("it said sesame-of-the-hub")
warnings.warn("sesame-of-the-hub")
"""


def test_a_line_of_foreign_text_can_be_written_to_a_file():
    assert in_a_line("a\ud800b \ud83d\ude00\n\U0001f600") == "a?b ?? \U0001f600"


def test_no_librarys_log_and_no_warning_holds_a_secret():
    done = subprocess.run(
        [sys.executable, "-c", LOGGING], capture_output=True, text=True, check=True
    )
    assert "your token (hidden) is old" in done.stderr
    assert "it said (hidden)" in done.stderr
    assert "ValueError: (hidden)" in done.stderr
    assert "UserWarning: (hidden)" in done.stderr
    assert "sesame" not in done.stderr
