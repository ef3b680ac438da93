#!/usr/bin/env bash
# webvtt-py 0.6.0: a cue that starts at 1.9 s has a `start_in_seconds` of 1.
#
# Expected: `start_in_seconds` and `end_in_seconds` are 1.9 and 2.4, since cues have milliseconds.
# Seen: both are whole numbers, rounded down: the cue lasts from 1 to 2. Clips cut at these times begin
# and end up to a second early, so they lose their last word, and a short cue gives an empty clip.
# The rest of the second is in `start_time.milliseconds`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet webvtt-py==0.6.0
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys
from pathlib import Path

import webvtt

path = Path(sys.argv[1]) / "talk.vtt"
path.write_text("""WEBVTT

00:01.900 --> 00:02.400
yes

00:03.100 --> 00:03.900
no
""")
found = []
for cue in webvtt.read(str(path)):
    found.append((cue.start_in_seconds, cue.end_in_seconds))
    print(f"{cue.start} to {cue.end}: {found[-1][0]!r} to {found[-1][1]!r} s")
    assert cue.start_time.milliseconds in (900, 100)
assert found == [(1, 2), (3, 3)], "parts of a second are kept now: this finding is out of date"
PY
