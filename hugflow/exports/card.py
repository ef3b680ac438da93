"""The dataset card: what makes `datasets.load_dataset(<folder>)` read the folder."""

import yaml

from hugflow.shards.plan import Plan


def render_card(plan: Plan, *, description: str) -> str:
    """The text of README.md: the header that `datasets` reads, then a page for people.

    The header names the index files and the split, and declares every audio column
    `Audio(decode=False)`, so no decoder is needed to read the folder. What the request's author
    wrote stands quoted, and cannot become markup.
    """
    header = {
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": _card_split(plan), "path": "index/*.parquet"}],
            }
        ],
        "dataset_info": {"config_name": "default", "features": plan.card_features},
    }
    if plan.licence:
        header["license"] = plan.licence
    head = yaml.safe_dump(header, sort_keys=False, allow_unicode=True)
    quoted = "\n".join(f"    {line}" for line in description.splitlines())
    audio = (
        f"* `audio/`: the column `{plan.audio_column}` as mono MP3, at its sampling rate\n"
        if plan.audio_column is not None
        else ""
    )
    return f"""---
{head}---

# {plan.dataset}

{quoted}

Made by hugflow from the dataset `{plan.request.hf_id}` at commit `{plan.commit}`.

{audio}* `json/`: one file per row
* `index/`: the same rows as parquet
* `failures.jsonl`: rows that could not be made, if any
* `manifest.json`: where everything came from, with counts and hashes

```python
import datasets

rows = datasets.load_dataset("path/of/this/folder", split="{_card_split(plan)}")
```
"""


def _card_split(plan: Plan) -> str:
    return plan.request.split
