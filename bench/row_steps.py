"""What a row step costs beside its body: `python bench/row_steps.py [ROWS]`.

CPU microseconds a row, of the owner and its worker together, of a step that does nothing, over rows
read from an index; and of the step's body called in a loop. A file for each row, and the journal,
are part of it; starting the worker is not.
"""

import os
import resource
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text

MOST_US = 150.0
FLOW = """
from hugflow.flows import AtomicFlow

class Nothing(AtomicFlow):
    def run(self, data):
        return {"same": data["text"]}
"""


def main() -> None:
    """Measure and print one line for each."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as folder, LoopbackHub() as hub:
        os.environ |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": f"{folder}/hf"}
        root = Path(folder)
        (root / "my_flows.py").write_text(FLOW)
        publish_text(hub, "bench/text", rows=rows)
        few, many = measure(root, rows // 10), measure(root, rows)
        step_us = (many - few) / (rows - rows // 10) * 1e6
        body_us = measure_body(rows) / rows * 1e6
    verdict = "" if step_us - body_us <= MOST_US else f"  MORE THAN {MOST_US:g}"
    print(f"a step that does nothing: {step_us:.0f} us a row{verdict}")
    print(f"its body in a loop: {body_us:.2f} us a row")


def measure(root: Path, rows: int) -> float:
    """CPU seconds of running the step over the first rows, in a fresh tree."""
    from hugflow.clients.hub import Hub
    from hugflow.requests.model import AddRequest
    from hugflow.stages.build.options import Options
    from hugflow.stages.flowing.flowed import prepare_tree_alone
    from hugflow.stages.flowing.resolved import resolve_steps
    from hugflow.stages.flowing.run_steps import run_steps
    from hugflow.stages.making.make_shards import make_shards
    from hugflow.stages.sample import open_sample
    from hugflow.store.layout import Places

    places = Places(*(root / f"{part}-{rows}" for part in ("datasets", "processed", "state")))
    step = {"name": "n", "flow": "my_flows.Nothing", "rows": {"in": ["text"], "out": ["same"]}}
    request = AddRequest.model_validate(
        {"hf_id": "bench/text", "description": "x", "flows": [step]}
    )
    options = replace(Options(), flow_root=root)
    build = open_sample(request, places, Hub(), options, rows=rows)
    prepare_tree_alone(build)
    for _ in make_shards(build, build.shards):
        pass
    steps = resolve_steps(build)
    before = cpu_s()
    for _ in run_steps(build, steps, build.shards):
        pass
    return cpu_s() - before


def measure_body(rows: int) -> float:
    """CPU seconds of the same work without anything around it."""
    before = cpu_s()
    for _ in range(rows):
        {"same": {"text": "a few words"}["text"]}  # what is measured
    return cpu_s() - before


def cpu_s() -> float:
    """CPU seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
