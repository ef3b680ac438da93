"""The component `HugflowRequests`: a project of Hugflow inside a Dagster project of your own.

    type: hugflow_assets.component.HugflowRequests
    attributes:
      project: /srv/hugflow
      key_prefix: [speech]
      group: speech
      owners: [team:data]
      tags: {domain: speech}

For anything else, subclass it and change each asset in `get_asset_spec`:

    class OurRequests(HugflowRequests):
        def get_asset_spec(self, spec: dg.AssetSpec) -> dg.AssetSpec:
            spec = super().get_asset_spec(spec)
            return spec.replace_attributes(group_name=spec.key.path[-2])

Keys have to stay different from each other, and the same from process to process.
"""

import logging

import dagster as dg
from pydantic import Field

from hugflow.redact import redact_logs
from hugflow.settings import load_settings
from hugflow_assets.loading import load_definitions
from hugflow_resources.asset_keys import translating

log = logging.getLogger(__name__)


class HugflowRequests(dg.Component, dg.Model, dg.Resolvable):
    """The assets, checks, resources and sensors of a project of Hugflow."""

    project: str = Field(".", description="Root of the project, relative to this file's folder.")
    key_prefix: list[str] = Field([], description="Put before the key of every dataset's asset.")
    group: str | None = Field(None, description="Group of all datasets; default: one for each.")
    owners: list[str] = Field([], description="Owners of datasets whose request names none.")
    tags: dict[str, str] = Field({}, description="Tags of every dataset's assets.")

    def get_asset_spec(self, spec: dg.AssetSpec) -> dg.AssetSpec:
        """Give the asset that stands for a stage of a dataset.

        spec: as Hugflow has it, with the key `[<name>, <stage>]`.
        """
        return spec.replace_attributes(
            key=spec.key.with_prefix(self.key_prefix) if self.key_prefix else spec.key,
            group_name=self.group or spec.group_name,
            owners=list(spec.owners) or self.owners,
            tags={**spec.tags, **self.tags},
        )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Load the project's definitions, each asset as `get_asset_spec` gives it."""
        project = load_settings((context.path / self.project).resolve())
        project.export_hub_environment()
        redact_logs()
        with translating(self.get_asset_spec):
            return load_definitions(project)
