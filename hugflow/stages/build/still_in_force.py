"""Whether a build's plan is still in force, and where its tree is now."""

from dataclasses import replace

from hugflow.errors import PlanOutOfDate
from hugflow.shards.plans import read_current_id
from hugflow.stages.build.build import Build
from hugflow.stages.tree.exchange import find_tree


def refuse_superseded(build: Build) -> None:
    """Raise PlanOutOfDate when another plan came into force, or the dataset was removed meanwhile.

    Samples are not checked: they conflict with nothing and are always finished.
    """
    if build.sample_rows is not None:
        return
    current = read_current_id(build.places, build.name)
    if current is None:
        raise PlanOutOfDate(
            f"{build.name}: it was removed meanwhile",
            why=f"the rows of the plan {build.plan.id} were made, and it is not in force any more",
            mend="run the same command again to make the dataset again",
        )
    if current != build.plan.id:
        raise PlanOutOfDate(
            f"{build.name}: another plan is in force by now",
            why=f"the rows of the plan {build.plan.id} were made, and {current} is asked for",
            mend="run the same command again: it makes what is asked for now",
        )


def relocated(build: Build) -> Build:
    """The build with the present path of its tree: another run may have moved it into place."""
    if build.sample_rows is not None:
        return build
    folder = find_tree(build.places, build.plan, build.folder)
    return build if folder == build.folder else replace(build, folder=folder, predecessor=None)
