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
from hugflow.requests.read import MAX_REQUEST_BYTES, parse_request

GOOD = "hf_id: org/data\ndescription: Speech\n"
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
EXEC = "!!python/object/apply:os.system [touch /tmp/owned]"

HOSTILE = {
    # structure
    "billion laughs": LAUGHS + GOOD + "subset: *i\n",
    "an anchor": "hf_id: &a org/data\ndescription: x\n",
    "an alias": "hf_id: org/data\ndescription: *a\n",
    "an anchor on the whole": "&a\n" + GOOD,
    "an anchor on a key": "&a hf_id: org/data\ndescription: x\n",
    "an alias as a key": "*a : x\n" + GOOD,
    "an anchor that holds itself": "hf_id: &a [*a]\ndescription: x\n",
    "a merge key": "<<: {hf_id: org/data}\ndescription: x\n",
    "a merge key of an alias": "x: &x {hf_id: a/b}\n<<: *x\ndescription: x\n",
    "a nested merge key": GOOD + "flows: {<<: {a: b}}\n",
    "a tag that runs": f"hf_id: {EXEC}\ndescription: x\n",
    "a tag that runs, on the whole": EXEC,
    "a tag that runs, as a key": f"? {EXEC}\n: x\n{GOOD}",
    "a tag that makes an object": "hf_id: !!python/object/new:type [x]\ndescription: x\n",
    "a tag that names a module": "hf_id: !!python/name:os.system\ndescription: x\n",
    "a tag of yaml's own": "hf_id: !!str org/data\ndescription: x\n",
    "a tag for bytes": "hf_id: !!binary b3JnL2RhdGE=\ndescription: x\n",
    "a tag of no kind": "hf_id: ! org/data\ndescription: x\n",
    "a local tag": "hf_id: !include /etc/passwd\ndescription: x\n",
    "an environment tag": "hf_id: !ENV ${HF_TOKEN}\ndescription: x\n",
    "a verbatim tag": "hf_id: !<tag:yaml.org,2002:str> org/data\ndescription: x\n",
    "a tag directive": "%TAG ! tag:example.org,2026:\n---\n" + GOOD,
    "a tagged mapping": "--- !!map\n" + GOOD,
    "a key twice": GOOD + "hf_id: other/data\n",
    "a key twice, once in quotes": GOOD + '"hf_id": other/data\n',
    "a key twice, once escaped": GOOD + '"hf\\x5fid": other/data\n',
    "a nested key twice": GOOD + "flows: [{a: 1, a: 2}]\n",
    "a null and a value": GOOD + "subset: null\nsubset: ms\n",
    "two documents": GOOD + "---\n" + GOOD,
    "an empty second document": GOOD + "---\n",
    "a document after the end": GOOD + "...\nhf_id: other/data\n",
    "nine levels": GOOD + "flows: " + "[" * 9 + "]" * 9 + "\n",
    "thirty thousand lists": "[" * 30_000,
    "thirty thousand mappings": "{" * 30_000,
    "thirty thousand mappings in a field": "hf_id: " + "{a: " * 15_000,
    "thirty thousand sequences": "- " * 30_000,
    "thirty thousand sequences in a field": "hf_id:\n " + "- " * 30_000,
    "thirty thousand complex keys": "? " * 30_000,
    "thirty thousand closed lists": "hf_id: " + "[" * 30_000 + "]" * 30_000,
    "a list as a key": "? [hf_id]\n: x\n" + GOOD,
    "a mapping as a key": "{a: b}: c\n" + GOOD,
    "sixty-five keys": "".join(f"k{index}: 1\n" for index in range(65)) + GOOD,
    "ten thousand keys": "".join(f"k{index}:\n" for index in range(9_000)),
    "ten thousand items": GOOD + "flows: [" + "1," * 30_000 + "]\n",
    "a mountain of quotes": '"' * 60_000,
    "a mountain of colons": ":" * 60_000,
    "a mountain of question marks": "?\n" * 30_000,
    "a mountain of exclamation marks": "!" * 60_000,
    "a mountain of percent signs": "%" * 60_000,
    "a mountain of escapes": 'hf_id: "' + "\\x41" * 15_000 + '"\ndescription: x\n',
    "a mountain of digits": GOOD + "max_bad_rows: " + "9" * 60_000 + "\n",
    "a mountain of underscores": GOOD + "subset: 1" + "_" * 60_000 + "\n",
    "a mountain of sixties": GOOD + "subset: 1" + ":1" * 30_000 + "\n",
    "a mountain of blank lines in a block": "hf_id: |\n" + "\n" * 60_000,
    # bytes
    "nothing": "",
    "a blank": " \n\n",
    "a comment": "# hf_id: org/data\n",
    "a byte order mark alone": b"\xef\xbb\xbf",
    "one byte too many": GOOD + "#" * (MAX_REQUEST_BYTES + 1 - len(GOOD)),
    "a zero byte": "hf_id: org/da\0ta\ndescription: x\n",
    "zeros": b"\0" * 1_000,
    "latin-1": GOOD.encode() + "owner: Zoë\n".encode("latin-1"),
    "utf-16 with its mark": GOOD.encode("utf-16"),
    "utf-16 without": GOOD.encode("utf-16-le"),
    "utf-32": GOOD.encode("utf-32"),
    "a surrogate in utf-8": GOOD.encode() + b"owner: \xed\xa0\x80\n",
    "an overlong slash": b"hf_id: org\xc0\xafdata\ndescription: x\n",
    "half a character": GOOD.encode() + b"owner: \xe8\xaa",
    "a terminal's escape": GOOD + "# \x1b[2J\n",
    "a backspace": "hf_id: org/data\ndescription: x\x08y\n",
    "a delete": GOOD + "# \x7f\n",
    "a bidi override in a comment": GOOD + "# \u202e\n",
    "a bidi isolate in a value": "hf_id: org/data\ndescription: a\u2066b\n",
    "a line that only yaml sees (NEL)": "# note\u0085hf_id: org/data\ndescription: x\n",
    "a line that only yaml sees (LS)": "# note\u2028hf_id: org/data\ndescription: x\n",
    "a line that only yaml sees (PS)": "# note\u2029hf_id: org/data\ndescription: x\n",
    "a line that only yaml sees (CR)": "# note\rhf_id: org/data\ndescription: x\n",
    "a second byte order mark": "\ufeff\ufeff" + GOOD,
    "a program": b"\x7fELF\x02\x01\x01" + b"\0" * 60,
    "a zip": b"PK\x03\x04\x14\x00\x08\x00",
    # shapes and types
    "a word": "org/data",
    "a list": "- hf_id: org/data\n- description: x\n",
    "null": "null",
    "a number": "42",
    "html": "<!doctype html><title>hf_id</title>",
    "a list as the id": "hf_id: [org/data]\ndescription: x\n",
    "a mapping as the id": "hf_id: {org: data}\ndescription: x\n",
    "a number as the id": "hf_id: 5\ndescription: x\n",
    "null as the id": "hf_id: null\ndescription: x\n",
    "a number as the description": "hf_id: org/data\ndescription: 5\n",
    "a date as the revision": GOOD + "revision: 2026-11-21\n",
    "a time as the revision": GOOD + "revision: 2026-11-21T10:00:00Z\n",
    "a commit of digits alone": GOOD + "revision: " + "1234567890" * 4 + "\n",
    "a truth as the subset": GOOD + "subset: no\n",
    "a truth as bad rows": GOOD + "max_bad_rows: true\n",
    "a part of a row": GOOD + "max_bad_rows: 0.01\n",
    "an octal": GOOD + "max_bad_rows: 010\n",
    "infinity": GOOD + "max_bad_rows: .inf\n",
    "fewer than none": GOOD + "max_bad_rows: -1\n",
    "more than all": GOOD + 'max_bad_rows: "101%"\n',
    "another way of mp3": GOOD + "mp3_source: link\n",
    "a flow": GOOD + "flows: [resample]\n",
    "a confirmation of an add": GOOD + "confirm: true\n",
    # values
    "an id that climbs": 'hf_id: "../../etc"\ndescription: x\n',
    "an id that climbs twice": 'hf_id: "../.."\ndescription: x\n',
    "an absolute id": 'hf_id: "/etc/passwd"\ndescription: x\n',
    "an id on windows": 'hf_id: "c:\\\\data"\ndescription: x\n',
    "an id that is an address": "hf_id: https://huggingface.co/datasets/org/data\ndescription: x\n",
    "an id that is a protocol": "hf_id: hf://datasets/org/data\ndescription: x\n",
    "an id that is a file": "hf_id: file:///etc/passwd\ndescription: x\n",
    "an id with a commit": 'hf_id: "org/data@main"\ndescription: x\n',
    "an id that runs": 'hf_id: "org/$(id)"\ndescription: x\n',
    "an id with an option": 'hf_id: "--upload-pack/x"\ndescription: x\n',
    "an id with a line break": 'hf_id: "org/data\\n"\ndescription: x\n',
    "an id in a block": "hf_id: |\n  org/data\ndescription: x\n",
    "an id on two lines": "hf_id: >-\n  org/\n  data\ndescription: x\n",
    "an id in cyrillic": "hf_id: \u043erg/data\ndescription: x\n",
    "an id in full width": "hf_id: \uff4frg/data\ndescription: x\n",
    "an id with a hidden space": "hf_id: or\u200bg/data\ndescription: x\n",
    "a long id": "hf_id: org/" + "a" * 60_000 + "\ndescription: x\n",
    "a revision that is an option": GOOD + "revision: --upload-pack=touch /tmp/owned\n",
    "a revision that climbs": GOOD + "revision: ../../main\n",
    "a revision that is a range": GOOD + "revision: main..dev\n",
    "a revision with a line break": GOOD + 'revision: "main\\nevil"\n',
    "a subset that climbs": GOOD + 'subset: "../ms"\n',
    "a subset with a zero": GOOD + 'subset: "m\\0s"\n',
    "a subset that writes backwards": GOOD + 'subset: "m\\u202es"\n',
    "half a character in a subset": GOOD + 'subset: "\\ud800"\n',
    "a character that is none": GOOD + 'subset: "\\U00110000"\n',
    "a slice": GOOD + 'split: "train[:10%]"\n',
    "a sum": GOOD + "split: train+test\n",
    "a column with a line break": GOOD + 'audio_column: "a\\nb"\n',
    "a long column": GOOD + "text_column: " + "c" * 201 + "\n",
    "a blank description": 'hf_id: org/data\ndescription: " \\t "\n',
    "a long description": "hf_id: org/data\ndescription: " + "d" * 2_001 + "\n",
    "an unknown field": GOOD + "token: x\n",
    "a field of python's": GOOD + "__class__: x\nmodel_config: x\n__init__: x\n",
    "no id": "description: x\n",
    "no description": "hf_id: org/data\n",
    "a tab": "hf_id: org/data\n\tdescription: x\n",
    "an open quote": 'hf_id: "org/data\ndescription: x\n',
    "an open brace": "{hf_id: org/data, description: x",
    "a conflict that was committed": "<<<<<<< HEAD\n" + GOOD + "=======\n>>>>>>> main\n",
    "a template": "hf_id: {{ hf_id }}\ndescription: x\n",
}  # fmt: skip


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


REASONS = {
    "billion": r"has an anchor",
    "an anchor": r"has an anchor",
    "an alias": r"is an alias",
    "a merge": r"merges another mapping",
    "a tag": r"has a tag|declares tags|holds no fields",
    "a key twice": r":3: hf_id: stands here again, after line 1",
    "two documents": r":3: holds several documents",
    "nine levels": r":3: flows: is nested deeper than 8 levels",
    "thirty thousand": r"is nested deeper than 8 levels|holds no fields",
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
