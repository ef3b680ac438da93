#!/usr/bin/env bash
# webdataset 1.0.2 joins clips whose names hold a dot into one sample.
#
# Expected: a TarWriter that is given three samples with the keys `anna.001`, `anna.002` and `ben.001`
# refuses the keys, or WebDataset reads three samples with `wav` and `txt`.
# Seen: the writer takes the keys, and the reader gives two samples, without a warning. A key ends at
# the first dot, so both clips of `anna` are one sample with the fields `001.wav`, `002.wav`, `001.txt`
# and `002.txt`. A pipeline that asks for `wav` finds none, and one that counts samples counts
# speakers. Whoever names clips `speaker.number` has to replace the dots first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet webdataset==1.0.2 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys
from pathlib import Path

import webdataset

path = str(Path(sys.argv[1]) / "clips.tar")


def read_back(keys):
    with webdataset.TarWriter(path) as tar:
        for key in keys:
            tar.write({"__key__": key, "wav": b"sound of " + key.encode(), "txt": f"text of {key}"})
    samples = list(webdataset.WebDataset(path, shardshuffle=False))
    return {
        sample["__key__"]: sorted(name for name in sample if not name.startswith("__"))
        for sample in samples
    }


plain = read_back(["anna_001", "anna_002", "ben_001"])
dotted = read_back(["anna.001", "anna.002", "ben.001"])
print("without dots:", plain)
print("with dots:", dotted)
assert plain == dict.fromkeys(("anna_001", "anna_002", "ben_001"), ["txt", "wav"])
assert dotted == {
    "anna": ["001.txt", "001.wav", "002.txt", "002.wav"],
    "ben": ["001.txt", "001.wav"],
}, "the samples are other ones now: this finding is out of date"
PY
