"""The dataset card: what makes `datasets.load_dataset(<folder>)` read the folder."""

import re
from collections.abc import Iterator
from typing import Final

import yaml

from hugflow.exports.export import Export, ExportFile, ExportSource, Reference, Reworded, Size
from hugflow.names import audio_folders
from hugflow.redact import in_a_line
from hugflow.shards.plan import ColumnNote, Plan
from hugflow.statistics.figures import Statistics, describe

_PATH = "README.md"


def render_card(
    plan: Plan,
    *,
    description: str,
    statistics: Statistics | None = None,
    keep: str | None = None,
) -> str:
    """The text of README.md: the header that `datasets` reads, then a page for people.

    The header names the index files and the split, and declares every audio column
    `Audio(decode=False)`, so reading the folder needs no decoder. The request author's text is
    quoted, so it cannot become markup.
    """
    quoted = "\n".join(f"    {line}" for line in description.splitlines())
    begin, end = card_frame(plan, statistics, keep)
    return f"{begin}{quoted}{end}"


def card_frame(plan: Plan, statistics: Statistics | None, keep: str | None) -> tuple[str, str]:
    """The parts of the page before and after the request author's text."""
    header = {
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": plan.card_split, "path": "index/*.parquet"}],
            }
        ],
        "dataset_info": {"config_name": "default", "features": plan.card_features},
    }
    if plan.licence:
        header["license"] = plan.licence
    head = yaml.safe_dump(header, sort_keys=False, allow_unicode=True)
    folders = ("audio", *(f"audio/{name}" for name in audio_folders(plan.all_audio[1:])))
    audio = "".join(
        f"* `{folder}/`: the column {_quoted(column)} as mono MP3\n"
        for folder, column in zip(folders, plan.all_audio, strict=False)
    )
    begin = f"---\n{head}---\n\n# {plan.dataset}\n\n"
    end = f"""

Made by hugflow from the dataset `{plan.request.hf_id}` at commit `{plan.commit}`{_by_way(plan)}.{_kept(keep)}

{_statistics_table(statistics)}{audio}* `json/`: one file per row
* `index/`: the same rows as parquet{_column_notes(plan)}
* `failures.jsonl`: rows that could not be made, if any
* `manifest.json`: where everything came from, with counts and hashes

```python
import hugflow
rows = hugflow.load("{plan.dataset}")
```

Without hugflow: `datasets.load_dataset("path/of/this/folder", split="{plan.card_split}")`.
"""
    return begin, end


_NOTES: Final[dict[ColumnNote, str]] = {
    "card": "its type is what the card of the dataset declares",
    "undecoded": "media are left as bytes and path",
    "class_text": "`text` in the JSON files is the name of its class",
    "decimal_text": "numbers with more than 38 digits are text with all their digits",
}


def _column_notes(plan: Plan) -> str:
    """A line for each column with a note, after the line of the index."""
    return "".join(
        f"\n  * {_quoted(name)}: {'; '.join(_NOTES[note] for note in notes)}"
        for name, notes in plan.column_notes.items()
    )


def _quoted(name: str) -> str:
    """A column's name as code, because it may hold any character."""
    return f"`` {in_a_line(name)} ``" if "`" in name else f"`{in_a_line(name)}`"


def _by_way(plan: Plan) -> str:
    """How the rows came from the dataset, if not directly: the Hub's conversion."""
    if not plan.is_converted:
        return ""
    return f", by way of the Hub's conversion to parquet (commit `{plan.files_commit}`)"


def _kept(keep: str | None) -> str:
    """Which of the rows are here, if not all that were made."""
    return f"\nOnly rows that meet {_quoted(keep)} are here." if keep is not None else ""


def _statistics_table(statistics: Statistics | None) -> str:
    """A table of two columns and the empty line after it; empty when there are no statistics."""
    if statistics is None or not statistics.rows:
        return ""
    lines = [f"| {label} | {words} |" for label, words in describe(statistics)]
    return "\n".join(("| | |", "| --- | --- |", *lines)) + "\n\n"


def _render(source: ExportSource) -> Iterator[ExportFile]:
    text = render_card(
        source.plan,
        description=source.description,
        statistics=source.statistics,
        keep=source.keep,
    )
    yield ExportFile(_PATH, [text.encode()])


def _find_fault(text: str, facts: Reference) -> str | None:
    """Why a text is not the dataset's card, ignoring the author's text; None if it is."""
    if facts.plan is None:
        return "it is empty" if not text.strip() else None
    begin, end = card_frame(facts.plan, facts.statistics, facts.keep)
    # Another version has other text for people, but the same header for programs.
    if text.startswith(begin) and (text.endswith(end) or not facts.is_this_version):
        return None
    return "it is not what plan and manifest say"


CARD = Export(
    name="card",
    names=re.compile(re.escape(_PATH)),
    foresee=lambda foreseen: Size(files=1),
    render=_render,
    reworded=Reworded(_PATH, _find_fault),
)
