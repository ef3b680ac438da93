#!/usr/bin/env bash
# dagster 1.13.29: a killed run keeps its slot in a pool, and the next one waits for it without end.
#
# Expected: with pools counted by op, the slot of a process that was killed is free again, or the
# next run says which run holds it and that its process is gone.
# Seen: the op of the next run logs "Step blocked by limit for pool" once and waits. Only a daemon
# with `free_slots_after_run_end_seconds` frees the slot, and only of a run that has ended, which a
# killed run of `dagster job execute` or `dagster asset materialize` never does by itself. With pools
# counted by run this cannot happen, but there a run holds the pools of all its ops from its start to
# its end.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dagster==1.13.29
mkdir "$folder/home"
cat > "$folder/home/dagster.yaml" <<'YAML'
concurrency:
  pools: {granularity: op, default_limit: 1}
telemetry: {enabled: false}
YAML
cat > "$folder/steps.py" <<'PY'
import os
import time

import dagster as dg


@dg.op(pool="flows")
def step():
    time.sleep(float(os.environ["STEP_S"]))


@dg.job(executor_def=dg.in_process_executor)
def steps():
    step()
PY
execute() {
  STEP_S=$1 DAGSTER_HOME="$folder/home" timeout -s KILL "$2" \
    "$folder/venv/bin/dagster" job execute -f "$folder/steps.py" -j steps 2>&1 || true
}
execute 100 20 | grep --quiet 'Started execution of step "step"'
execute 0 40 > "$folder/second"
grep --quiet "Step blocked by limit for pool flows" "$folder/second"
if grep --quiet RUN_SUCCESS "$folder/second"; then
  echo "the slot is freed now: this finding is out of date"
  exit 1
fi
echo "the second run waited 40 s for the slot of a process that was killed"
