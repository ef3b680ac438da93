"""Datasets that cause a request to be refused or to fail, one for each reason.

publish_refusals(hub)                every one of them, as `refusals/<name>`
publish_refusal(hub, "moved")        one of them

private            a repository that only its readers see
gated              conditions are accepted by a click (`auto`)
gated-manual       conditions are granted by the owner
disabled           closed by the Hub
withdrawn          deleted by its owner: nothing exists under its name
moved              renamed to `refusals/moved-here`; the old name redirects
script             a loading script and nothing else
script-converted   the same, with the Hub's own parquet files
audiofolder        audio files and a metadata.csv
audiofolder-converted, audiofolder-partial    the same, with the Hub's own parquet files
subsets            subsets `ms` and `en`, none of them the default
empty-split        `train` has rows, `test` has none
broken-footer      a shard whose last bytes are not parquet; its hash is right
broken-column      a shard with a sound footer and broken audio; its hash is right
differing-columns  two shards with different columns
no-audio-column    audio under another name than `audio`
no-audio           text only
"""

import hashlib
from collections.abc import Callable
from typing import Literal, get_args

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.layouts import publish_audiofolder, publish_script
from hugflow.testing.samples import (
    publish_speech,
    publish_subsets,
    publish_tables,
    publish_text,
    speech_table,
)
from hugflow.testing.tables import (
    DEFAULT_CONFIG,
    audio_feature,
    to_repository,
    with_features,
    write_parquet,
)

Reason = Literal[
    "private",
    "gated",
    "gated-manual",
    "disabled",
    "withdrawn",
    "moved",
    "script",
    "script-converted",
    "audiofolder",
    "audiofolder-converted",
    "audiofolder-partial",
    "subsets",
    "empty-split",
    "broken-footer",
    "broken-column",
    "differing-columns",
    "no-audio-column",
    "no-audio",
]
REASONS: tuple[Reason, ...] = get_args(Reason)
OWNER = "refusals"
FOOTER_BYTES = 8

Publish = Callable[[LoopbackHub, str], str]


def publish_refusals(hub: LoopbackHub) -> dict[str, str]:
    """Every one of them, as `refusals/<reason>`; the commit by repository."""
    return {f"{OWNER}/{reason}": publish_refusal(hub, reason) for reason in REASONS}


def publish_refusal(hub: LoopbackHub, reason: Reason, repo_id: str | None = None) -> str:
    """One of them, by default as `refusals/<reason>`; the commit it has or had."""
    by_reason: dict[Reason, Publish] = {
        "private": lambda hub, repo_id: publish_speech(hub, repo_id, rows=4, private=True),
        "gated": lambda hub, repo_id: publish_speech(hub, repo_id, rows=4, gated="auto"),
        "gated-manual": lambda hub, repo_id: publish_speech(hub, repo_id, rows=4, gated="manual"),
        "disabled": publish_disabled,
        "withdrawn": publish_withdrawn,
        "moved": publish_moved,
        "script": publish_script,
        "script-converted": lambda hub, repo_id: publish_script(hub, repo_id, converted="whole"),
        "audiofolder": publish_audiofolder,
        "audiofolder-converted": lambda hub, repo_id: publish_audiofolder(
            hub, repo_id, converted="whole"
        ),
        "audiofolder-partial": lambda hub, repo_id: publish_audiofolder(
            hub, repo_id, converted="partial"
        ),
        "subsets": publish_subsets,
        "empty-split": publish_empty_split,
        "broken-footer": publish_broken_footer,
        "broken-column": publish_broken_column,
        "differing-columns": publish_differing_columns,
        "no-audio-column": publish_other_audio_name,
        "no-audio": publish_text,
    }
    return by_reason[reason](hub, repo_id or f"{OWNER}/{reason}")


def publish_disabled(hub: LoopbackHub, repo_id: str) -> str:
    """A dataset that the Hub has closed."""
    commit = publish_speech(hub, repo_id, rows=4)
    hub.restrict(repo_id, disabled=True)
    return commit


def publish_withdrawn(hub: LoopbackHub, repo_id: str) -> str:
    """A dataset that existed and was deleted."""
    commit = publish_speech(hub, repo_id, rows=4)
    hub.remove(repo_id)
    return commit


def publish_moved(hub: LoopbackHub, repo_id: str) -> str:
    """A dataset under its old name; the new one is `<repo_id>-here`."""
    commit = publish_speech(hub, repo_id, rows=4)
    hub.rename(repo_id, f"{repo_id}-here")
    return commit


def publish_empty_split(hub: LoopbackHub, repo_id: str) -> str:
    """Four rows of `train` and none of `test`."""
    table = speech_table(4)
    return publish_tables(
        hub, repo_id, {DEFAULT_CONFIG: {"train": table, "test": table.slice(0, 0)}}
    )


def publish_broken_footer(hub: LoopbackHub, repo_id: str) -> str:
    """Two shards; the second does not end as parquet does."""
    return _publish_damaged(hub, repo_id, lambda shard: shard[:-FOOTER_BYTES] + bytes(FOOTER_BYTES))


def publish_broken_column(hub: LoopbackHub, repo_id: str) -> str:
    """Two shards; the pages of the second are noise, its footer is sound."""
    return _publish_damaged(hub, repo_id, _with_noise)


def publish_differing_columns(hub: LoopbackHub, repo_id: str) -> str:
    """Two shards; the first has the column `speaker`, the second `accent`."""
    table = speech_table(4)
    names = ["accent" if name == "speaker" else name for name in table.column_names]
    other = with_features(table.rename_columns(names), {"audio": audio_feature()})
    files = to_repository({DEFAULT_CONFIG: {"train": table}}, title="Columns that differ", shards=2)
    files["data/train-00001-of-00002.parquet"] = write_parquet(other.slice(2))
    return hub.publish(repo_id, files)


def publish_other_audio_name(hub: LoopbackHub, repo_id: str) -> str:
    """A speech dataset whose columns are `recording` and `sentence`."""
    table = speech_table(4, with_filenames=False).select(["audio", "text"])
    renamed = table.rename_columns(["recording", "sentence"])
    declared = with_features(renamed, {"recording": audio_feature()})
    return publish_tables(hub, repo_id, {DEFAULT_CONFIG: {"train": declared}})


def _publish_damaged(hub: LoopbackHub, repo_id: str, damage: Callable[[bytes], bytes]) -> str:
    configs = {DEFAULT_CONFIG: {"train": speech_table(4)}}
    files = to_repository(configs, title="A damaged shard", shards=2)
    path = "data/train-00001-of-00002.parquet"
    return hub.publish(repo_id, files | {path: damage(files[path])})


def _with_noise(parquet: bytes) -> bytes:
    """The same file with noise from its fourth byte to its middle; the footer comes later."""
    size = len(parquet) // 2
    noise = hashlib.shake_256(b"noise").digest(size)
    return parquet[:4] + noise + parquet[4 + size :]
