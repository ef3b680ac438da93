"""The type update_expiration_times, as an example of registering one: JSON in, JSON out.

    - id: update_expiration_times
      type: update_expiration_times
      sources: [expiration_times]
      default_expiration_time: 1440

Its files are mappings of a flow's name to minutes; of two files, the later one wins.
"""

from typing import Any

from hugflow.hierarchy.steps.data_steps import StepInputInvalid
from hugflow.hierarchy.steps.files import StepFiles
from hugflow.hierarchy.steps.registry import StepFields, register_step


class ExpirationFields(StepFields):
    """default_expiration_time: minutes, for flows that no file names."""

    default_expiration_time: int


@register_step("update_expiration_times", ExpirationFields)
def update_expiration_times(
    data: Any, files: StepFiles, fields: ExpirationFields
) -> dict[str, Any]:
    """Set `expire_after_minutes` of every flow in `{"flows": [{"name": ...}, ...]}`."""
    flows = data.get("flows") if isinstance(data, dict) else None
    if not isinstance(flows, list) or not all(isinstance(flow, dict) for flow in flows):
        raise StepInputInvalid(
            "there are no flows to update",
            why='the step before it did not give `{"flows": [...]}`',
            mend="put a step before it that gives flows, such as load_json",
        )
    minutes: dict[str, int] = {}
    for content in files.read_json():
        minutes |= {str(name): int(value) for name, value in content.items()}
    return {
        **data,
        "flows": [
            {
                **flow,
                "expire_after_minutes": minutes.get(
                    str(flow.get("name")), fields.default_expiration_time
                ),
            }
            for flow in flows
        ],
    }
