"""What a repository offers, for a request that is still to be written: subsets, splits, columns."""

from collections.abc import Sequence

import pyarrow as pa

from hugflow.clients.hub import Hub
from hugflow.clients.repository import PublishedFile, Repository
from hugflow.late_dataclass import dataclass
from hugflow.shards.arrow import is_text
from hugflow.shards.audio_warnings import audio_columns, audio_fields
from hugflow.shards.card_features import complete_schema
from hugflow.shards.features import is_audio_type
from hugflow.shards.layouts.describe import describe_split
from hugflow.shards.layouts.layout import RepositoryAt
from hugflow.shards.plan import PARQUET, WEBDATASET
from hugflow.shards.plan_request import PlanRequest
from hugflow.shards.resolution.card_configs import read_configs
from hugflow.shards.resolution.listing import Listing
from hugflow.shards.resolution.patterns import NotKnown
from hugflow.shards.source import Source, fetch_source
from hugflow.shards.text_column import USUAL_NAMES


@dataclass(frozen=True, slots=True)
class Offer:
    """The values of one field. default: taken if the request leaves the field out, or None."""

    values: tuple[str, ...]
    default: str | None = None


def find_subsets(repository: Repository) -> Offer:
    """The subsets that the card lists; empty if it lists none, or if only `datasets` can tell."""
    try:
        listed = read_configs(repository.card)
    except NotKnown:
        return Offer(())
    return Offer(tuple(config.name for config in listed.configs), listed.default)


def find_splits(hub: Hub, repository: Repository, subset: str | None) -> Offer:
    """The splits of a subset; empty if only `datasets` can tell."""
    resolved = Listing.fetch(hub, repository).resolve(subset)
    names = tuple(resolved.files) if resolved is not None else ()
    return Offer(names, "train" if "train" in names else None)


@dataclass(frozen=True, slots=True)
class OfferedColumns:
    """The columns that may hold the audio, and those that may hold the text."""

    audio: Offer
    text: Offer


def fetch_columns(hub: Hub, repository: Repository, request: PlanRequest) -> OfferedColumns:
    """The columns of a split, by its first file; raises what planning would raise."""
    source = fetch_source(hub, repository, request)
    at = RepositoryAt(hub, repository.repo, source.commit, source.published)
    split = describe_split(source.layout, at, _first_of(source), source.as_read(request))
    schema = complete_schema(split.shards[0].schema, repository.card, request.subset)
    audio = _find_audio(schema)
    return OfferedColumns(
        Offer(audio, split.audio_column or _first((request.audio_column,), audio)),
        _find_text(schema, audio, split.text_column or request.text_column),
    )


def _find_audio(schema: pa.Schema) -> tuple[str, ...]:
    certain = [*audio_columns(schema), *audio_fields(schema)]
    return tuple(certain or [field.name for field in schema if is_audio_type(field.type)])


def _find_text(schema: pa.Schema, audio: Sequence[str], usual: str) -> Offer:
    texts = tuple(field.name for field in schema if is_text(field.type) and field.name not in audio)
    return Offer(texts, _first((usual, *USUAL_NAMES), texts))


def _first(wanted: Sequence[str], names: Sequence[str]) -> str | None:
    return next((name for name in wanted if name in names), None)


def _first_of(source: Source) -> Sequence[PublishedFile]:
    """The first file, if files of the layout are independent; else all of them."""
    return source.files[:1] if source.layout in (PARQUET, WEBDATASET) else source.files
