"""Files that were written to do harm: each is refused, quickly, and tells no secret."""

import json
import re
import subprocess
import sys
import time
import traceback

import pytest
import yaml

from hugflow.requests.fields import parse_fields
from hugflow.requests.problems import RequestFileInvalid
from hugflow.requests.read import parse_request
from tests.requests.hostile import HOSTILE, as_bytes

REASONS = {
    "billion": r"has an anchor",
    "an anchor": r"has an anchor",
    "an alias": r"is an alias",
    "a merge": r"merges another mapping",
    "a tag": r"has a tag|declares tags|holds no fields",
    "a key twice": r":3: hf_id: appears again, after line 1",
    "two documents": r":3: holds several documents",
    "nine levels": r":3: flows: is nested deeper than 8 levels",
    "thirty thousand": r"is nested (far )?deeper than|holds no fields",
    "sixty-five": r"has more than 64 keys|unknown field",
    "one byte too many": r"larger than 64 KiB",
    "latin-1": r":3: is not UTF-8",
    "utf-32": r"is not UTF-8",
    "a line that only yaml sees": r":1: holds U\+",
    "a date": r":3: revision: is a date",
    "a truth": r":3: .* is true or false|:3: max_bad_rows",
    "an id": r":1: hf_id: ",
    "a revision": r":3: revision: ",
    "a subset": r":3: subset: ",
    "a column": r":3: audio_column: ",
    "no id": r":1: hf_id: is missing",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_the_place_and_the_reason(name):
    with pytest.raises(RequestFileInvalid) as caught:
        parse_request(as_bytes(HOSTILE[name]), "requests/add/x.yaml")
    for problem in caught.value.problems:
        assert problem.headline.startswith("requests/add/x.yaml:")
        assert problem.line or name == "one byte too many"
        assert problem.why
        assert problem.mend
    reasons = [reason for start, reason in REASONS.items() if name.startswith(start)]
    assert all(re.search(reason, str(caught.value)) for reason in reasons)
    assert len(str(caught.value)) < 20_000


@pytest.mark.parametrize("loader", [yaml.CSafeLoader, yaml.SafeLoader])
def test_every_hostile_file_is_refused_within_two_seconds(loader):
    slowest = 0.0
    for data in HOSTILE.values():
        before = time.process_time()
        parse_fields(as_bytes(data).decode("latin-1"), "x.yaml", loader=loader)
        with pytest.raises(RequestFileInvalid):
            parse_request(as_bytes(data), "requests/add/x.yaml")
        slowest = max(slowest, time.process_time() - before)
    assert slowest < 2


def test_all_hostile_files_together_fit_into_little_memory():
    program = """
import json, pathlib, sys
from hugflow.requests.read import parse_request
from hugflow.requests.problems import RequestFileInvalid
for text in json.load(sys.stdin):
    try:
        parse_request(text.encode(), "requests/add/x.yaml")
    except RequestFileInvalid as error:
        str(error)
# Not getrusage: a child begins with the peak of the process that started it.
status = pathlib.Path("/proc/self/status").read_text()
print(status.partition("VmHWM:")[2].split()[0])
"""
    texts = json.dumps([text for text in HOSTILE.values() if isinstance(text, str)])
    child = subprocess.run(
        [sys.executable, "-c", program], input=texts, capture_output=True, text=True, check=True
    )
    assert int(child.stdout) < 200 * 1024


TOKENS = [
    "hf_" + "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
    "hf_short1secret",
    "hf_letters",
    "ghp_" + "0123456789abcdefghijklmnopqrstuvwxyz",
    "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz0123456789",
    "xoxb-123456789012-1234567890123-AbCdEfGhIjKl",
    "https://ann:Sesame17@example.org/repo.git",
    "https://hooks.slack.com/services/T0001/B0001/Sesame17",
    "AKIAIOSFODNN7EXAMPLE",
]
PLACES = {
    **{field: f"{field}: {{}}\n" for field in ("hf_id", "revision", "subset", "split", "owner")},
    "a list": "split: [{}]\n",
    "a mapping": "split: {{'{}': 1}}\n",
    "an unknown field": "token: {}\n",
    "a key": "'{}': x\n",
    "a choice": "mp3_source: {}\n",
    "bad rows": "max_bad_rows: {}\n",
    "a truth": "confirm: {}\n",
    "an anchor": "split: &{} x\n",
    "a tag": "split: !{} x\n",
    "a tag's handle": "split: !{}!x y\n",
    "an open quote": "split: '{}\n",
    "a bare word": "{}\n",
    "a comment beside a mistake": "split: [] # {}\n",
    "a directive": "%{} x\n---\nsplit: []\n",
    "twice": "'{0}': 1\n'{0}': 2\n",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("token", TOKENS)
def test_a_pasted_token_is_never_repeated(place, token):
    text = PLACES[place].format(token) + "description: [wrong]\n"
    with pytest.raises(RequestFileInvalid) as caught:
        parse_request(text.encode(), "requests/add/x.yaml")
    told = (
        str(caught.value) + repr(caught.value) + "".join(traceback.format_exception(caught.value))
    )
    for piece in (token, token.removeprefix("https://"), token[4:], "Sesame"):
        assert piece not in told.replace(__file__, "")


@pytest.mark.parametrize(
    "token", [token for token in TOKENS if not token.startswith(("hf_short", "hf_letters"))]
)
@pytest.mark.parametrize("text", ["description: see {}\n", "description: x\n# {}\n"])
def test_a_token_that_would_be_kept_is_refused(token, text):
    with pytest.raises(RequestFileInvalid, match=r"x\.yaml:[23]: holds what looks like a token"):
        parse_request(("hf_id: org/data\n" + text.format(token)).encode(), "requests/add/x.yaml")
