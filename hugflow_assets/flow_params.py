"""What the assets of a flow run get from its YAML, and where their values go.

    import dagster as dg
    from hugflow_assets.flow_params import FlowParams

    @dg.asset
    def numbers(flow_params: FlowParams) -> list[int]:
        return list(range(flow_params.values["count"]))

`flow_params.values` are the YAML's `flow_kwargs`, hooks replaced.
"""

from pathlib import Path
from typing import Any

import dagster as dg

from hugflow.flowrider.run_values import read_run_value, write_run_value


class FlowParams(dg.ConfigurableResource[Any]):
    """The parameters of a run: the resource `flow_params`."""

    values: dict[str, Any] = {}  # noqa: RUF012  # pydantic copies it


class RunStore(dg.ConfigurableIOManager):
    """Keeps the values of one run, type for type and without pickle.

    folder: of the run, see `hugflow.flowrider.run_values`.
    """

    folder: str

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Keep the value of an asset. Raises dg.Failure for a type that cannot be kept."""
        name = "/".join(context.asset_key.path)
        if not write_run_value(Path(self.folder), name, obj):
            raise dg.Failure(
                f"the value of {name} cannot be kept: it is {_describe(obj)}, or holds such a "
                "value. Return None, numbers, text, lists, mappings with text keys, bytes, a "
                "NumPy array, or a table of Polars or Arrow",
                allow_retries=False,
            )

    def load_input(self, context: dg.InputContext) -> object:
        """The value of an asset of the same run. Raises RunNotFound if the run did not make it."""
        return read_run_value(Path(self.folder), "/".join(context.asset_key.path))


def _describe(value: object) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
