"""The manifest: the mark that a dataset is complete, and where everything in it came from.

`STORAGE_ROOT/<name>/manifest.json`, written last. The same rows give the same bytes, except for
the object `run`:

    {
      "version": 1,
      "dataset": "acme__speech__split_train__rev_main",
      "sample": 100,                        the number of rows of a sample; absent for a dataset
      "request": {"hf_id": "acme/speech", "subset": null, "split": "train", "revision": "main"},
      "commit": "8a6c...", "plan": "4c1f0d9b2a7e6685", "licence": "cc0-1.0",
      "columns": ["audio", "text"], "audio_column": "audio", "text_column": "text",
      "audio_columns": ["audio", "target"], all of them; only if there are several
      "settings": {"mp3_source": "copy", "max_bad_rows": "1%",
                   "measure": "true"},      only if clips were measured
      "source": {"files": 2, "bytes": 1234567, "commit": "8a6c...",
                 "shards": 1},              only if a shard has several files
      "numbering": "by_shard",              only if rows were unknown before they were fetched
      "rows": {"planned": 1000, "made": 998, "failed": 2,
               "left_out": 17,              only if `keep` leaves out rows
               "unmatched": 2,              rows of tables whose clip is in no archive; if any
               "unmatched_rows": ["row 4 of train.csv"],   the first of them
               "by_shard": [600, 400]},     rows of each shard; only then
      "audio": {"files": 998, "bytes": 765432, "seconds": 3600.5, "copied": 0, "encoded": 998},
      "json": {"files": 998, "bytes": 345678},
      "lost_values": {"json.mood": 3},      values without a place in the columns; if any
      "index": {"index/00000-of-00002.parquet": "<sha256>"},
      "run": {"finished_at": "...", "host": "...", "hugflow": "0.1.0", "python": "3.11.4"},
      "statistics": {...},                  see hugflow.statistics.figures
      "exports": {...},                     see hugflow.exports.recorded; absent if there are none
      "flows": {"steps": [{"name": "clean", "flow": "flow_modules.alice.TextTools.NormaliseText",
                           "module": "alice/TextTools", "commit": "4c9f...",
                           "config": {"lower": true}, "version": "0e57...",
                           "rows": 980, "dropped": 17, "errors": 1}],
                "asked": "4c1f0d9b2a7e6685",
                "made_index": {"index/00000-of-00002.parquet": "<sha256>"},
                "card_features": [...]}     only with row steps
    }

`audio` has `repaired` and `levels` as well, such as `{"wav_size": 3}` and `{"anti_phase": 1}`, where
there are such clips.

`source.commit` is the commit of the files. It differs from `commit` if the files are the Hub's
conversion to parquet: then `source.ref` is `refs/convert/parquet`, and `source.conversion` has the
commits and dates of both, as in the plan.

Readers ignore keys of later versions. Fields with a default here are absent in manifests of earlier
versions.
"""

import json
from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer

from hugflow.audio.encoding import QUALITY
from hugflow.clients.repository import CONVERTED_REF, Conversion
from hugflow.errors import StateUnreadable
from hugflow.exports.recorded import RecordedExport
from hugflow.flows.records import NO_COMMIT
from hugflow.late_dataclass import dataclass
from hugflow.requests.grammar import BadRowBudget
from hugflow.requests.model import Identity
from hugflow.shards.plan import MOST_UNCOUNTED_ROWS, Plan
from hugflow.shards.plan_request import PlanRequest
from hugflow.statistics.figures import Statistics, from_json, to_json
from hugflow.store.atomic import is_file, read_file
from hugflow.store.records import RecordForm, is_none

# More than anyone publishes; verifying a tree holds a byte for each row.
MOST_ROWS = 1_000_000_000

# Recorded as the flow of the field `keep`, which comes after the steps.
KEEP = "keep"

_Count = Annotated[int, Field(ge=0)]
_CountByCode = Annotated[Mapping[str, _Count], Field(exclude_if=lambda counts: not counts)]
_PlanId = Annotated[str, Field(pattern=r"\A[0-9a-f]{16}\z")]


def _to_statistics(value: Any) -> Statistics | None:
    return value if isinstance(value, Statistics) else from_json(value)


@dataclass(frozen=True, slots=True)
class ManifestSettings:
    """The settings that rows were made with. max_bad_rows: the budget in force.

    measure: "false" if rows have no quality. mp3_quality, mp3_bitrate (kbit/s), sample_rate (Hz):
    only if they are not the defaults. text_join: what joins the texts of a list; None of other texts.
    """

    mp3_source: str
    max_bad_rows: BadRowBudget
    measure: Annotated[str, Field(exclude_if=lambda measure: measure == "false")] = "false"
    mp3_quality: Annotated[int, Field(exclude_if=lambda quality: quality == QUALITY)] = QUALITY
    mp3_bitrate: Annotated[int | None, Field(exclude_if=is_none)] = None
    sample_rate: Annotated[int | None, Field(exclude_if=is_none)] = None
    text_join: Annotated[str | None, Field(exclude_if=is_none)] = None

    @classmethod
    def of(cls, request: PlanRequest, budget: BadRowBudget) -> "ManifestSettings":
        """What a plan asks for; budget: that of failed rows."""
        return cls(
            request.mp3_source,
            budget,
            request.measure,
            request.mp3_quality,
            request.mp3_bitrate,
            request.sample_rate,
            request.text_join,
        )


@dataclass(frozen=True, slots=True)
class ManifestSource:
    """The published files.

    ref, conversion: only for files of the Hub's conversion.
    shards: only if a shard has several files.
    """

    files: _Count
    bytes: _Count
    commit: str | None = None
    ref: Annotated[str | None, Field(exclude_if=is_none)] = None
    conversion: Annotated[Conversion | None, Field(exclude_if=is_none)] = None
    shards: Annotated[_Count | None, Field(exclude_if=is_none)] = None

    @classmethod
    def of(cls, plan: Plan) -> "ManifestSource":
        """The files that a plan reads."""
        ref = CONVERTED_REF if plan.is_converted else None
        shards = len(plan.shards) if len(plan.shards) != plan.file_count else None
        size_bytes, commit = plan.source_bytes, plan.files_commit
        return cls(plan.file_count, size_bytes, commit, ref, plan.conversion, shards)

    @property
    def shard_count(self) -> int:
        """The number of shards."""
        return self.files if self.shards is None else self.shards


@dataclass(frozen=True, slots=True)
class ManifestRows:
    """The numbers of rows. by_shard: rows of each shard, if numbered by shard.

    left_out: made rows that `keep` leaves out of index and exports. unmatched: rows of tables that
    are not planned, since their clip is in none of several archives; unmatched_rows: a few of them.

    Raises ValueError when the shards' rows do not add up, or are more than they can number.
    """

    planned: Annotated[int, Field(ge=0, le=MOST_ROWS)]
    made: _Count
    failed: _Count
    left_out: Annotated[int, Field(ge=0, exclude_if=lambda rows: rows == 0)] = 0
    by_shard: Annotated[tuple[_Count, ...] | None, Field(exclude_if=is_none)] = None
    unmatched: Annotated[int, Field(ge=0, exclude_if=lambda rows: rows == 0)] = 0
    unmatched_rows: Annotated[tuple[str, ...], Field(exclude_if=lambda rows: not rows)] = ()

    def __post_init__(self) -> None:
        """Refuse shards whose rows do not add up to the whole."""
        if self.by_shard is not None and (
            sum(self.by_shard) != self.planned or max(self.by_shard) > MOST_UNCOUNTED_ROWS
        ):
            raise ValueError("by_shard does not agree with planned")

    @property
    def numbers(self) -> list[range]:
        """Numbers of the planned rows, in order."""
        if self.by_shard is None:
            return [range(self.planned)]
        firsts = range(0, len(self.by_shard) * MOST_UNCOUNTED_ROWS, MOST_UNCOUNTED_ROWS)
        return [range(first, first + n) for first, n in zip(firsts, self.by_shard, strict=True)]


@dataclass(frozen=True, slots=True)
class ManifestAudio:
    """The MP3s: how many, how long, and how they came about.

    seconds: of the MP3s of the main audio column; the other figures are of all MP3s.
    repaired, levels: clips by the code of a repair of their framing, and of what became of their
    sound.
    """

    files: _Count
    bytes: _Count
    # Without MP3s it is the integer 0, and must stay an integer.
    seconds: int | float
    copied: _Count
    encoded: _Count
    repaired: _CountByCode = field(default_factory=dict)
    levels: _CountByCode = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ManifestJson:
    """The JSON files of the rows."""

    files: _Count
    bytes: _Count


@dataclass(frozen=True, slots=True)
class ManifestStep:
    """One row step: what it ran, and what became of the rows it was given.

    module, commit: of a flow module of the Hub; None for code of the project's own. version: of the
    step with all before it. rows: those that went on. bytes: of the files of its rows.
    """

    name: str
    flow: str
    module: str | None
    commit: str | None
    config: Mapping[str, Any]
    version: str
    rows: _Count
    dropped: _Count
    errors: _Count
    bytes: _Count = 0

    @property
    def words(self) -> str:
        """What it ran, for people: `clean: alice/TextTools@4c9f1f0 NormaliseText {"lower": true}`."""
        if self.flow == KEEP:
            return f"keep: {self.config.get('expression')}"
        code = f"{self.module}@{(self.commit or '')[:7]}" if self.module else "own code"
        if self.commit == NO_COMMIT:
            code = f"{self.module} (a linked folder)"
        config = f" {json.dumps(dict(self.config))}" if self.config else ""
        if self.flow.startswith("flows:"):
            return f"{self.name}: {self.flow}{config}"
        name = self.flow if self.module is None else self.flow.rpartition(".")[2]
        return f"{self.name}: {code} {name}{config}"


@dataclass(frozen=True, slots=True)
class ManifestFlows:
    """The row steps, in order.

    asked: digest of the steps as the request has them. made_index: sha256 of each index of the rows
    before them. card_features: of the index, with the fields that steps gave, as the card has them.
    """

    steps: tuple[ManifestStep, ...]
    asked: str
    made_index: Mapping[str, str]
    card_features: tuple[Any, ...]

    def of_index(self, plan: Plan) -> Plan:
        """The plan with the columns of the index and their features, for readers of the index."""
        # Imported here: they load pyarrow.
        from hugflow.shards.card_features import all_features
        from hugflow.shards.features import index_names

        given = [each for each in self.card_features if each not in plan.card_features]
        features = all_features({"dataset_info": {"features": given}}, None)
        before = {*plan.features, *index_names(plan.columns, plan.all_audio)}
        return replace(
            plan,
            columns=(*plan.columns, *(name for name in features if name not in before)),
            features={**plan.features, **features},
            card_features=list(self.card_features),
        )


@dataclass(frozen=True, slots=True)
class ManifestRun:
    """The run that completed the dataset; fields are None if an earlier version lacks them."""

    finished_at: str | None = None
    host: str | None = None
    hugflow: str | None = None
    python: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The manifest of a complete tree; see the module for each field.

    Raises ValueError when the name is not that of its request.
    """

    dataset: str
    sample: Annotated[int | None, Field(exclude_if=is_none)] = None
    request: Identity
    commit: str
    plan: _PlanId
    licence: str | None
    columns: tuple[str, ...]
    audio_column: str | None
    audio_columns: Annotated[tuple[str, ...], Field(exclude_if=lambda columns: not columns)] = ()
    text_column: str | None
    settings: ManifestSettings
    source: ManifestSource
    numbering: Annotated[Literal["by_shard"] | None, Field(exclude_if=is_none)] = None
    rows: ManifestRows
    audio: ManifestAudio
    json: ManifestJson
    index: Mapping[str, str]
    run: ManifestRun
    lost_values: _CountByCode = field(default_factory=dict)
    statistics: Annotated[
        Statistics | None,
        BeforeValidator(_to_statistics),
        PlainSerializer(lambda found: None if found is None else to_json(found)),
    ] = None
    exports: Annotated[
        Mapping[str, RecordedExport], Field(exclude_if=lambda exports: not exports)
    ] = field(default_factory=dict)

    flows: Annotated[ManifestFlows | None, Field(exclude_if=is_none)] = None

    def __post_init__(self) -> None:
        """Refuse a name that is not the request's."""
        if self.request.name != self.dataset:
            raise ValueError(f"it is one of {self.dataset!r}, with the request of another dataset")

    @property
    def keep(self) -> str | None:
        """The expression of `keep` that left rows out; None without one."""
        steps = self.flows.steps if self.flows is not None else ()
        found = [step.config.get("expression") for step in steps if step.flow == KEEP]
        return str(found[-1]) if found else None

    @property
    def all_audio(self) -> tuple[str, ...]:
        """The audio columns of which there are MP3s, the main one first; empty if text only."""
        main = () if self.audio_column is None else (self.audio_column,)
        return self.audio_columns or main

    @property
    def size_bytes(self) -> int:
        """Bytes of all MP3 and JSON files."""
        return self.audio.bytes + self.json.bytes

    @property
    def hours(self) -> float:
        """Length of the MP3s of the main audio column, unrounded."""
        return self.audio.seconds / 3600

    def has_same_rows(self, other: "Manifest") -> bool:
        """Whether both are equal, ignoring the run that wrote them."""
        return replace(self, run=other.run) == other


@dataclass(frozen=True, slots=True)
class ManifestName:
    """The owner of a manifest, readable in a damaged one too. request: any value in the file."""

    dataset: str
    request: Any = None

    @property
    def identity(self) -> Identity | None:
        """The identity of the named dataset; None when name and request do not agree."""
        try:
            identity = Identity(**self.request)
            return identity if identity.name == self.dataset else None
        except (TypeError, AttributeError):
            return None


_MEND = "sync the request again: the manifest is written again from ledger and index"
MANIFEST = RecordForm(Manifest, "the manifest", version=1, mend=_MEND)
_NAME = RecordForm(ManifestName, "the manifest", version=1, mend=_MEND)


def read_manifest(path: Path) -> Manifest | None:
    """The manifest; None when the dataset is not complete, or its manifest is not usable.

    A link to a manifest elsewhere does not count.
    """
    return MANIFEST.read(path) if _is_file(path) else None


def look_at_manifest(path: Path) -> Manifest | None:
    """As `read_manifest`, for callers that move or delete trees.

    Raises StateUnreadable where the disk does not let it be read: being unable to look is no answer.
    """
    try:
        if not is_file(path):
            return None
        return MANIFEST.parse(read_file(path, MANIFEST.most_bytes))
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        raise StateUnreadable(
            f"the manifest {path} cannot be read",
            why=error.strerror or str(error),
            mend="look at the disk that it is on, then run the same command again",
        ) from error


def read_manifest_name(path: Path) -> ManifestName | None:
    """The owner of a manifest; None if the file does not name one."""
    return _NAME.read(path) if _is_file(path) else None


def render_manifest(manifest: Manifest) -> str:
    """The text of the file."""
    return MANIFEST.render(manifest)


def _is_file(path: Path) -> bool:
    try:
        return is_file(path)
    except OSError:
        return False
