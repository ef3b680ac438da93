#!/usr/bin/env bash
# jiwer 4.0.0 takes two words with one tab or line break between them for one word.
#
# Expected: the word error rate does not depend on the kind of white space between two words. It
# does not for two blanks, two tabs or two line breaks.
# Seen: one tab, one line break or one ideographic space joins the words: "one<tab>two" against "one
# two" has an error rate of 1.0; with two tabs it is 0.0. Runs of white space become one blank first,
# then the text is split at blanks only. Captions with two lines a cue, and hypotheses that a
# recognizer wraps, score worse than they are: join with `" ".join(text.split())` first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jiwer==4.0.0 rapidfuzz==3.14.6
"$folder/venv/bin/python" - <<'PY'
import jiwer

RIGHT = ("  ", "\t\t", "\n\n")
WRONG = ("\t", "\n", "\u3000")
rates = {between: jiwer.wer("one two", f"one{between}two") for between in RIGHT + WRONG}
for between, rate in rates.items():
    print(f"{between!r}: {rate}")
assert all(rates[between] == 0.0 for between in RIGHT)
assert all(rates[between] == 1.0 for between in WRONG), "it splits there now: this finding is out of date"
PY
