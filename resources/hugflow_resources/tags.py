"""The tags by which runs that the sensor asked for are known, and told apart."""

from typing import Final

DATASET_TAG: Final = "hugflow/dataset"
PLAN_TAG: Final = "hugflow/plan"
REQUEST_TAG: Final = "hugflow/request"
ATTEMPT_TAG: Final = "hugflow/attempt"
# On a run that the sensor itself stopped, with the reason: no person did.
STOPPED_TAG: Final = "hugflow/stopped_for"
