"""`hugflow plan --layout NAME`: a plan in another layout, to look at."""

from typing import TYPE_CHECKING, Any

from hugflow.errors import UsageWrong
from hugflow.redact import redact
from hugflow.requests.sources import LAYOUT_NAMES, SourceSpec

if TYPE_CHECKING:
    from hugflow.requests.model import AddRequest
    from hugflow.settings import ProjectSettings


def check_layout(name: str) -> None:
    """Raise UsageWrong for a name that is no layout."""
    if name not in LAYOUT_NAMES:
        raise UsageWrong(
            f"--layout: {name!r} is no layout",
            why=f"the layouts are {', '.join(LAYOUT_NAMES)}",
            mend="name one of them",
        )


def plan_in_layout(
    project: "ProjectSettings", request: "AddRequest", file: str, layout: str
) -> dict[str, Any]:
    """The entry of a plan of the request in a layout; nothing is recorded.

    Raises the errors of planning.
    """
    from hugflow.cli.builds import open_hub
    from hugflow.shards.plan import plan_digest, plan_summary
    from hugflow.stages.planning.open_build import find_plan
    from hugflow.stages.tree.stored_dataset import read_stored_dataset

    asked = request.model_copy(update={"source": SourceSpec(layout=layout)})
    stored = read_stored_dataset(project.places, asked.name)
    plan = find_plan(asked, stored, open_hub(project), project.options)
    summary = plan_summary(plan, hours=None)
    kept = (
        "nothing is recorded; to read it so, write `source: {layout: "
        + layout
        + "}` into the request"
    )
    return {
        "name": asked.name,
        "request": file,
        "state": "previewed",
        "digest": plan_digest(plan, asked),
        **summary,
        "requests": plan.file_count,
        "warnings": [*summary["warnings"], kept],
        "estimate": None,
        "keep": asked.keep,
        "pending": [],
        "publish_to": redact(asked.publish_to) if asked.publish_to is not None else None,
        "publication": None,
    }
