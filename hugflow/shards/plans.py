"""The plans on disk, and which of them is in force.

`plans/<name>/<id>.json` holds a plan, `plans/<name>/current` the id of the one in force. Both are
written whole; a plan is there before `current` names it.
"""

import json
import re

from hugflow.errors import StateUnreadable
from hugflow.shards.plan import Plan, from_json, to_json
from hugflow.store.atomic import write_file
from hugflow.store.layout import Places

_PLAN_ID = re.compile(r"[0-9a-f]{16}")


def read_current_plan(places: Places, name: str) -> Plan | None:
    """The plan in force for `name`, or None when nothing has been planned.

    Raises StateUnreadable when the file is damaged or from a later version.
    """
    folder = places.plans(name)
    try:
        plan_id = (folder / "current").read_text("ascii").strip()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise _unreadable(folder / "current", "it is not text") from None
    if not _PLAN_ID.fullmatch(plan_id):
        raise _unreadable(folder / "current", "it names no plan")
    try:
        text = (folder / f"{plan_id}.json").read_bytes()
    except FileNotFoundError:
        return None
    try:
        plan = from_json(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise _unreadable(folder / f"{plan_id}.json", str(error)) from error
    except StateUnreadable as error:
        raise _unreadable(folder / f"{plan_id}.json", f"{error.what}: {error.why}") from error
    if plan.dataset != name or plan.id != plan_id:
        raise _unreadable(folder / f"{plan_id}.json", "it is the plan of something else")
    return plan


def write_current_plan(places: Places, plan: Plan) -> None:
    """Put `plan` in force. The caller holds the dataset's lock."""
    folder = places.plans(plan.dataset)
    write_file(folder / f"{plan.id}.json", json.dumps(to_json(plan), ensure_ascii=False) + "\n")
    write_file(folder / "current", plan.id + "\n")


def _unreadable(path: object, why: str) -> StateUnreadable:
    return StateUnreadable(
        f"the plan {path} cannot be read",
        why=why,
        mend="move the file away and plan the request again: a complete tree is taken up again",
    )
