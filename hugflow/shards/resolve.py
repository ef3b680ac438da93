"""Making a plan: the few requests to the Hub that fix what a dataset consists of."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import pyarrow as pa

from hugflow.clients.hub import Hub
from hugflow.clients.repository import RepoId, Repository
from hugflow.errors import RequestInvalid, ShardUnreadable
from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.shards.audio_warnings import audio_columns, audio_fields, audio_warnings
from hugflow.shards.card_features import complete_schema
from hugflow.shards.column_path import find_path, is_inner_text, lift_schemas, schema_tree
from hugflow.shards.common_schema import common_schema
from hugflow.shards.features import (
    column_notes,
    index_features,
    is_audio_type,
    is_list_of_samples,
)
from hugflow.shards.layouts.cut_rows import refuse_uncut
from hugflow.shards.layouts.describe import describe_split
from hugflow.shards.layouts.layout import SHARDS_AT_ONCE, Contents, Layout, RepositoryAt, Split
from hugflow.shards.layouts.registry import find_layout
from hugflow.shards.plan import MOST_UNCOUNTED_ROWS, ColumnNote, Plan, numbering_of, plan_shards
from hugflow.shards.plan_request import PlanRequest
from hugflow.shards.source import fetch_source
from hugflow.shards.stems import FILENAME_COLUMN, plan_suffixes
from hugflow.shards.text_column import choose_text_column, is_label, nearest_column

MOST_ODD_TOLD = 5


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns with a meaning; None for a column that the dataset lacks.

    all_audio: the columns of which MP3s are made, the main one first.
    """

    all_audio: tuple[str, ...]
    text: str | None
    warnings: tuple[str, ...] = ()

    @property
    def audio(self) -> str | None:
        """The main audio column."""
        return self.all_audio[0] if self.all_audio else None


def fetch_plan(
    hub: Hub,
    dataset: str,
    request: PlanRequest,
    *,
    commit: str | None = None,
    files_commit: str | None = None,
) -> Plan:
    """Make the plan of `request`: commit, files, rows, columns and stems.

    dataset: the name of its tree.
    commit: the commit to plan at, instead of the one that the revision points to now.
    files_commit: given with `commit`: the commit of the files in an earlier plan.

    It reads, by ranges, only the number and the types of rows and, if it exists, the column
    `audio_filename`.
    Raises RequestInvalid when the request cannot be carried out as written; ShardUnreadable for a
    file that does not have its layout; and the Hub's errors.
    """
    repo = RepoId.dataset(request.hf_id)
    repository = hub.fetch_repository(repo, commit or request.revision)
    source = fetch_source(hub, repository, request, files_commit=files_commit)
    refuse_uncut(request, source.layout, name_commit(repository))
    layout = find_layout(source.layout)
    at = RepositoryAt(hub, repository.repo, source.commit, source.published)
    with ThreadPoolExecutor(SHARDS_AT_ONCE, "shards") as pool:
        split = describe_split(source.layout, at, source.files, source.as_read(request))
        contents, named = split.shards, with_columns_of(request, split)
        published, odd = common_schema(contents)
        completed = complete_schema(published, repository.card, request.subset)
        schema = lift_schemas(completed, named.all_audio)
        columns = choose_columns(repository, schema, named)
        suffixes: dict[int, int] = {}
        is_through = numbering_of(shard.rows for shard in contents) == "through"
        if is_through and columns.audio is not None and FILENAME_COLUMN in schema.names:
            sound = [None if place in odd else shard for place, shard in enumerate(contents)]
            names = list(pool.map(partial(_names_of, layout, at), sound))
            odd |= {place: why for place, why in enumerate(names) if isinstance(why, str)}
            suffixes = plan_suffixes(
                pa.chunked_array(
                    [
                        _no_names(shard.rows or 0) if isinstance(found, str | None) else found
                        for found, shard in zip(names, contents, strict=True)
                    ]
                )
            )
    features, card_features = describe_columns(
        repository,
        schema,
        columns.all_audio,
        measured=request.measure != "false",
        has_inner_text=is_inner_text(schema, columns.text),
    )
    refuse_no_rows(repository, request, contents)
    _refuse_too_many_rows(repository, contents)
    plan = Plan(
        dataset=dataset,
        request=request,
        commit=repository.commit,
        files_commit=source.commit,
        licence=repository.licence,
        is_gated=repository.is_gated,
        audio_column=columns.audio,
        text_column=columns.text,
        columns=tuple(schema.names),
        stem_suffixes=suffixes,
        features=features,
        card_features=card_features,
        shards=plan_shards(
            [(shard.files, shard.rows) for shard in contents],
            odd,
            layout=split.layout or source.layout,
            details=[shard.detail for shard in contents],
        ),
        conversion=source.conversion,
        column_notes=_note_columns(published, schema, named, columns),
        listed_rows=split.listed_rows,
    )
    warnings = (
        *source.warnings,
        *split.warnings,
        *columns.warnings,
        *_name_warnings(repository, plan),
    )
    warnings += (*audio_warnings(repository, schema, columns.all_audio), *_odd_warnings(plan))
    return replace(plan, warnings=warnings)


def with_columns_of(request: PlanRequest, split: Split) -> PlanRequest:
    """The request with the layout's audio and text column, where it names none itself."""
    is_audio_asked = {"audio_column", "audio_columns"} & {*request.asked}
    if split.audio_column is not None and not is_audio_asked:
        request = replace(request, audio_column=split.audio_column)
    if split.text_column is not None and "text_column" not in request.asked:
        request = replace(request, text_column=split.text_column)
    return request


def _note_columns(
    published: pa.Schema, schema: pa.Schema, request: PlanRequest, columns: Columns
) -> dict[str, list[ColumnNote]]:
    """Notes on columns for readers; published: the schema before the card and the request apply."""
    published = lift_schemas(published, request.all_audio)
    notes = column_notes(published, schema, columns.all_audio)
    if columns.text is not None:
        path = find_path(schema_tree(schema), columns.text)
        if path is not None and is_label(schema, path):
            notes.setdefault(columns.text, []).append("class_text")
    return notes


def _names_of(layout: Layout, at: RepositoryAt, shard: Contents | None) -> pa.Array | str | None:
    """The names of a shard's clips, or why they cannot be read; None if they are not needed."""
    if shard is None or FILENAME_COLUMN not in shard.schema.names:
        return None
    try:
        return shard.names if shard.names is not None else layout.read_names(at, shard.files)
    except ShardUnreadable as error:
        return f"its column {FILENAME_COLUMN!r} cannot be read: {error.why}"


def _no_names(rows: int) -> pa.Array:
    return pa.nulls(rows, pa.large_string())


def _odd_warnings(plan: Plan) -> tuple[str, ...]:
    """Warnings about files that cannot be made, for people to see before the work."""
    odd = [shard for shard in plan.shards if shard.odd is not None]
    told = [f"{shard.label} cannot be made: {shard.odd}" for shard in odd[:MOST_ODD_TOLD]]
    if len(odd) > MOST_ODD_TOLD:
        told.append(f"and {len(odd) - MOST_ODD_TOLD:,} more files cannot be made")
    return tuple(told)


def choose_columns(repository: Repository, schema: pa.Schema, request: PlanRequest) -> Columns:
    """The audio and the text columns; raises RequestInvalid when a requested one is unsuitable."""
    found = [_choose_audio_column(repository, schema, request, name) for name in request.all_audio]
    audio = tuple(name for name in found if name is not None)
    text, warnings = choose_text_column(name_commit(repository), schema, request, audio)
    return Columns(audio, text, warnings)


def describe_columns(
    repository: Repository,
    schema: pa.Schema,
    all_audio: tuple[str, ...],
    *,
    measured: bool = False,
    has_inner_text: bool = False,
) -> tuple[dict[str, Any], list[Any]]:
    """The features of the index, for parquet metadata and for the card; raises RequestInvalid."""
    try:
        return index_features(schema, all_audio, measured=measured, has_inner_text=has_inner_text)
    except ValueError as error:
        raise _invalid(
            repository,
            "it has a column that `datasets` cannot read",
            why=in_a_line(str(error)),
            mend="choose another revision, or report it to the dataset's owner",
        ) from error


def refuse_no_rows(
    repository: Repository, request: PlanRequest, contents: Iterable[Contents]
) -> None:
    """Raise RequestInvalid when none of a split's files has a row."""
    if all(shard.rows == 0 for shard in contents):
        raise _invalid(
            repository,
            f"the split {request.split!r} has no rows",
            why="its files are all empty",
            mend="choose another split or revision",
        )


def _refuse_too_many_rows(repository: Repository, contents: Sequence[Contents]) -> None:
    """Raise RequestInvalid for a counted shard that is too large for numbers by shard."""
    most = max((shard.rows or 0 for shard in contents), default=0)
    if most > MOST_UNCOUNTED_ROWS and any(shard.rows is None for shard in contents):
        raise _invalid(
            repository,
            f"a shard has {most:,} rows, and those of another one are not known",
            why="rows are then numbered by shard, and a shard has at most "
            f"{MOST_UNCOUNTED_ROWS:,} numbers",
            mend="choose another subset or revision, or report it to the dataset's owner",
        )


def name_commit(repository: Repository) -> str:
    """How errors name a dataset at its commit: `acme/speech@8a6c0f1`."""
    return f"{repository.repo}@{repository.commit[:7]}"


def _name_warnings(repository: Repository, plan: Plan) -> tuple[str, ...]:
    """Warnings about names that differ from those in the request."""
    warnings: list[str] = []
    if repository.new_id is not None:
        warnings.append(
            f"the Hub calls the dataset {repository.new_id!r} by now; {repository.repo.id!r} still "
            "leads there"
        )
    if plan.card_split != plan.request.split:
        warnings.append(
            f"the folder calls the split {plan.card_split!r}, because `datasets` reads none that "
            f"is called {plan.request.split!r}"
        )
    return tuple(warnings)


def _choose_audio_column(
    repository: Repository, schema: pa.Schema, request: PlanRequest, column: str
) -> str | None:
    """The audio column `column` of a request; None for a text-only dataset."""
    with_audio = list(audio_columns(schema)) or list(audio_fields(schema))
    if column in schema.names:
        # Any text could be a path, so the column must be requested or declared as audio.
        is_said = "audio_column" in request.asked or column in with_audio
        type_ = schema.field(column).type
        if is_audio_type(type_, may_be_path=is_said):
            return column
        if is_list_of_samples(type_) and not with_audio:
            raise _no_rate(repository, column, type_)
        raise _invalid(
            repository,
            f"the column {column!r} holds no audio",
            why=f"its type is {type_}; audio is bytes, or a struct of bytes and path, or of samples "
            "(array) and their rate (sampling_rate)",
            mend=_mend_audio_column(schema, request, column, with_audio),
        )
    if "audio_column" in request.asked or with_audio:
        raise _invalid(
            repository,
            f"no audio column {column!r}",
            why=f"the dataset has the columns {_words(schema.names)}",
            mend=_name_instead(request, nearest_column(column, _left(request, schema, with_audio))),
        )
    return None


def _no_rate(repository: Repository, column: str, type_: pa.DataType) -> RequestInvalid:
    return _invalid(
        repository,
        f"the column {column!r} holds samples without their rate",
        why=f"its type is {type_}, a list of numbers; a number in another column is not taken for "
        "the rate",
        mend="ask the dataset's owner to publish the column as a struct of `array` and "
        "`sampling_rate`, which is what `datasets` writes for a column of type Audio",
    )


def _left(request: PlanRequest, schema: pa.Schema, with_audio: Sequence[str]) -> Sequence[str]:
    """The columns that a request may have meant: with audio, if it does not name all of them."""
    return [name for name in with_audio if name not in request.all_audio] or schema.names


def _name_instead(request: PlanRequest, column: str) -> str:
    """Advice to name `column` in the request."""
    if request.audio_columns:
        return f"name {column!r} in its place in audio_columns"
    return f"set audio_column: {column!r}"


def _mend_audio_column(
    schema: pa.Schema, request: PlanRequest, refused: str, with_audio: Sequence[str]
) -> str:
    """Advice for an audio column of an unsuitable type; never advises to request it again."""
    if is_audio_type(schema.field(refused).type, may_be_path=True):
        return f"if it names audio files of the repository, {_name_instead(request, refused)}"
    if with_audio:
        left = [name for name in with_audio if name not in request.all_audio]
        return _name_instead(request, nearest_column(refused, left or with_audio))
    if able := [field.name for field in schema if is_audio_type(field.type)]:
        nearest = nearest_column(refused, able)
        return f"if {nearest!r} holds the audio, {_name_instead(request, nearest)}"
    return (
        f"no other column holds audio: {refused!r} would have to be published as one of these, so "
        "choose another subset or revision, or report it to the dataset's owner"
    )


def _words(columns: Sequence[str]) -> str:
    return ", ".join(map(repr, columns))


def _invalid(repository: Repository, what: str, *, why: str, mend: str) -> RequestInvalid:
    return RequestInvalid(f"{name_commit(repository)}: {what}", why=why, mend=mend)
