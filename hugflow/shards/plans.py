"""The plans on disk, and the plan in force.

`plans/<name>/<id>.json` holds a plan, `plans/<name>/current` the id of the plan in force. Both are
written whole, the plan before `current` names it.
"""

import json
import re

from hugflow.errors import StateUnreadable
from hugflow.shards.plan import Plan
from hugflow.shards.plan_file import from_json, to_json
from hugflow.store.atomic import read_file, write_file
from hugflow.store.layout import Places

_PLAN_ID = re.compile(r"[0-9a-f]{16}")


def read_current_plan(places: Places, name: str) -> Plan | None:
    """The plan in force for `name`, or None when nothing has been planned.

    Raises StateUnreadable when the file is damaged or from a later version.
    """
    plan_id = read_current_id(places, name)
    return read_plan(places, name, plan_id) if plan_id is not None else None


def read_current_id(places: Places, name: str) -> str | None:
    """The id of the plan in force for `name`; raises StateUnreadable when its file is damaged."""
    path = places.plans(name) / "current"
    try:
        plan_id = read_file(path).decode("ascii").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    except UnicodeDecodeError:
        raise _unreadable(path, "it is not text") from None
    if not is_plan_id(plan_id):
        raise _unreadable(path, "it names no plan")
    return plan_id


def read_plan(places: Places, name: str, plan_id: str) -> Plan | None:
    """The plan of `name` with this id, or None when there is none.

    Raises StateUnreadable when the file is damaged or from a later version.
    """
    path = places.plans(name) / f"{plan_id}.json"
    try:
        text = read_file(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    try:
        plan = from_json(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, "it is no JSON, or is nested too deeply") from error
    except StateUnreadable as error:
        raise _unreadable(path, f"{error.what}: {error.why}") from error
    if plan.dataset != name or plan.id != plan_id:
        raise _unreadable(path, "it is the plan of something else")
    return plan


def is_plan_id(text: str) -> bool:
    """Whether this has the form of a plan's id."""
    return _PLAN_ID.fullmatch(text) is not None


def write_current_plan(places: Places, plan: Plan) -> None:
    """Put `plan` in force. The caller holds the dataset's lock."""
    folder = places.plans(plan.dataset)
    write_file(folder / f"{plan.id}.json", json.dumps(to_json(plan), ensure_ascii=False) + "\n")
    write_file(folder / "current", plan.id + "\n")


def _unreadable(path: object, why: str) -> StateUnreadable:
    return StateUnreadable(
        f"the plan {path} cannot be read",
        why=why,
        mend="move the file away and plan the request again: a complete tree is adopted",
    )
