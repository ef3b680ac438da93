"""Tags of the runs that the sensor asked for, and of the datasets' assets."""

from typing import Final

# On each asset of a dataset: its stage.
STAGE_TAG: Final = "hugflow/stage"
DATASET_TAG: Final = "hugflow/dataset"
# For people: the page of runs shows tags by their names, and this one comes first.
SHOWN_TAG: Final = "dataset"
PLAN_TAG: Final = "hugflow/plan"
REQUEST_TAG: Final = "hugflow/request"
ATTEMPT_TAG: Final = "hugflow/attempt"
# Which shards of the dataset: no two runs with the same value run at once on several hosts.
PART_TAG: Final = "hugflow/part"
# On a run that only publishes: the version and the place, as `publish_to` of the request says.
PUSH_TAG: Final = "hugflow/push"
# On a run that the sensor stopped, with the reason; so no person stopped it.
STOPPED_TAG: Final = "hugflow/stopped_for"
