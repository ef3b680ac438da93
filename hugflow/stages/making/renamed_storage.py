"""JSON files that name another STORAGE_ROOT: a tree that was moved, or whose root was renamed.

A row's JSON holds the path of its MP3 from the last part of STORAGE_ROOT on. Nothing else in a tree
does, so the line is written again and nothing is encoded or fetched.
"""

import json
import logging
from dataclasses import replace

from hugflow.ledger.journal import Journal, RowMade
from hugflow.ledger.markers import read_marker
from hugflow.rows.record import json_names
from hugflow.shards.plan import Shard
from hugflow.stages.build.build import Build
from hugflow.stages.making.mark_stages import mark
from hugflow.stages.making.rows_on_disk import ShardOnDisk
from hugflow.store.atomic import commit, read_file, write_temporary

log = logging.getLogger(__name__)


def rename_paths(build: Build, shard: Shard, disk: ShardOnDisk) -> ShardOnDisk:
    """Write the paths of a shard's JSON files for the STORAGE_ROOT of now, where they are of another.

    Only the first and the last row are read to find that out; they are written last, so that a killed
    call is found unfinished. The caller holds the shard's lock.
    """
    if not build.plan.all_audio:
        return disk
    rows = [row for row in sorted(disk.made) if disk.made[row].json_bytes is not None]
    ends = list(dict.fromkeys([*rows[:1], *rows[-1:]]))
    if not any(_rewrite(build, disk.made[row]) is not None for row in ends):
        return disk
    log.info("%s: shard %s: paths are of another STORAGE_ROOT", build.name, shard.name)
    made = dict(disk.made)
    for row in [*rows[1:-1], *ends]:
        content = _rewrite(build, made[row])
        if content is not None:
            commit([write_temporary(build.folder.json / f"{row}.json", content)])
            made[row] = replace(made[row], json_bytes=len(content))
    with Journal(build.state.journal(shard.name)) as journal:
        journal.append([made[row] for row in rows])
    marker = read_marker(build.state.marker(shard.name, "metadata"))
    if marker is not None:
        size = sum(row.json_bytes or 0 for row in made.values())
        mark(build, shard, "metadata", replace(marker, bytes=size))
    return replace(disk, made=made)


def _rewrite(build: Build, made: RowMade) -> bytes | None:
    """A row's JSON with the path of now; None where it has that, or is not as it was written."""
    plan = build.plan
    name_by_column = dict(zip(plan.all_audio, build.mp3_paths(made.stem), strict=True))
    try:
        text = read_file(build.folder.json / f"{made.row}.json").decode()
        value = json.loads(text)
    except (OSError, ValueError, RecursionError):
        return None
    below_root = build.tree.partition("/")[2]
    names = json_names(plan.columns, plan.all_audio, plan.text_column)
    fields = {names[plan.columns.index(column)]: mp3 for column, mp3 in name_by_column.items()}
    if plan.text_column in name_by_column:
        fields["text"] = name_by_column[plan.text_column]
    for field, mp3 in fields.items():
        old, wanted = value.get(field) if isinstance(value, dict) else None, f"{build.tree}/{mp3}"
        if not isinstance(old, str) or not old.endswith(f"/{below_root}/{mp3}"):
            return None
        if old == wanted:
            return None
        before, after = (f"  {_dumps(field)}: {_dumps(path)}" for path in (old, wanted))
        lines = text.split("\n")
        lines = [
            after + line.removeprefix(before) if line.startswith(before) else line for line in lines
        ]
        text = "\n".join(lines)
    return text.encode()


def _dumps(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
