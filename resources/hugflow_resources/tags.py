"""Tags of the runs that the sensor asked for."""

from typing import Final

DATASET_TAG: Final = "hugflow/dataset"
PLAN_TAG: Final = "hugflow/plan"
REQUEST_TAG: Final = "hugflow/request"
ATTEMPT_TAG: Final = "hugflow/attempt"
# On a run that the sensor stopped, with the reason; so no person stopped it.
STOPPED_TAG: Final = "hugflow/stopped_for"
