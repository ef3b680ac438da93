#!/usr/bin/env bash
# datasets 5.2.0 drops every other speaker, if one speaker's folder is called `dev` or `val`.
#
# Expected: `load_dataset` of a folder without a card, with one folder a speaker (anna, ben, val),
# gives the rows of all three, as it does for anna, ben and zoe.
# Seen: it gives one split `validation` with the rows of `val` only, without a warning: the name of a
# folder at any depth is taken for that of a split, and files in no split are left out. `test`,
# `eval` and `dev` do the same. Whoever publishes folders named for speakers, places or languages
# (`dev` can be short for Devanagari) has to write `data_files` into the card.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet datasets==5.2.0 pyarrow==26.0.1 pandas==3.1.1 numpy==2.4.6
HF_HOME="$folder/home" HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - "$folder" <<'PY'
import json
import sys
from pathlib import Path

import datasets

datasets.disable_progress_bars()


def speakers_by_split(*names):
    root = Path(sys.argv[1]) / "-".join(names)
    for name in names:
        (root / "clips" / name).mkdir(parents=True)
        (root / "clips" / name / "rows.jsonl").write_text(json.dumps({"speaker": name}) + "\n")
    return {split: rows["speaker"][:] for split, rows in datasets.load_dataset(str(root)).items()}


right = speakers_by_split("anna", "ben", "zoe")
print(right)
assert right == {"train": ["anna", "ben", "zoe"]}
for third, split in (("val", "validation"), ("dev", "validation"), ("test", "test"), ("eval", "test")):
    found = speakers_by_split("anna", "ben", third)
    print(found)
    assert found == {split: [third]}, "the other rows are there now: this finding is out of date"
PY
