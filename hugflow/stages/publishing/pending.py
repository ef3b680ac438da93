"""What a request asks of a published dataset beside its rows, and is not there yet."""

from typing import Literal

from hugflow.exports.registry import rendered_exports
from hugflow.stages.build.build import Build
from hugflow.stages.flowing.flowed import has_other_code, is_flowed_as_asked
from hugflow.stages.tree.manifest import Manifest

Pending = Literal["keep", "flows", "exports"]


def find_pending(build: Build, manifest: Manifest) -> list[Pending]:
    """The fields of the request that the next sync brings to the published dataset.

    manifest: of the dataset, published under the build's plan. `flows` is pending too where the code
    of a step has changed, as far as it is here.
    """
    found: list[Pending] = []
    if not is_flowed_as_asked(build, manifest):
        found.append("flows" if manifest.keep == build.request.keep else "keep")
    elif has_other_code(build, manifest):
        found.append("flows")
    wanted = {
        export.name: export.version
        for export in rendered_exports(build.chosen_exports)
        if export.reworded is None
    }
    if wanted != {name: recorded.version for name, recorded in manifest.exports.items()}:
        found.append("exports")
    return found
