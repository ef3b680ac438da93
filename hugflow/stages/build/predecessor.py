"""What a new plan has in common with the plan of the existing tree."""

from collections.abc import Mapping

from hugflow.late_dataclass import dataclass
from hugflow.shards.plan import Plan, Shard


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The plan of the existing tree, and its shards by the name of the equal shard in the new plan.

    has_same_json: everything except the audio is the same too; if not, only MP3s can be reused.
    """

    plan: Plan
    shard_by_name: Mapping[str, Shard]
    has_same_json: bool


def find_predecessor(old: Plan, new: Plan) -> Predecessor | None:
    """What `new` can reuse of `old`: shards with the same bytes, rows, numbers and stems.

    None when they have no clip in common.
    """
    is_same_audio = (
        old.request.hf_id == new.request.hf_id
        and old.all_audio == new.all_audio
        # With rows numbered by shard, clips have no names of their own.
        and old.numbering == new.numbering
        and not old.request.differing(new.request, "audio")
    )
    if not is_same_audio:
        return None
    known = {_identity(shard): shard for shard in old.shards}
    found = {shard.name: known.get(_identity(shard)) for shard in new.shards}
    same = {
        name: shard
        for name, shard in found.items()
        if shard is not None and _suffixes(old, shard) == _suffixes(new, shard)
    }
    facts = ("text_column", "columns", "features")
    has_same_json = all(getattr(old, fact) == getattr(new, fact) for fact in facts) and not (
        old.request.differing(new.request, "json")
    )
    return Predecessor(old, same, has_same_json) if same else None


def _identity(shard: Shard) -> tuple[str, str, int, int | None, str]:
    return shard.layout, shard.digest, shard.first_row, shard.rows, shard.detail


def _suffixes(plan: Plan, shard: Shard) -> dict[int, int]:
    if shard.rows is None or len(plan.stem_suffixes) < shard.rows:
        return {row: times for row, times in plan.stem_suffixes.items() if row in shard.row_range}
    return {row: plan.stem_suffixes[row] for row in shard.row_range if row in plan.stem_suffixes}
