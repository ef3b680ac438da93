"""Quality, keep, SQL, overlaps and mixtures, by the commands that a person types."""

import json

import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.projects import Project
from tests.runners import name_of

pytestmark = pytest.mark.slow


def test_a_measured_dataset_is_kept_in_part_queried_compared_and_mixed(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "corpus/speech", rows=6, shards=1, seconds=0.5)
    asked = project.request("corpus/speech", "measure: true", 'keep: "row >= 2 and rms_dbfs > -90"')
    synced = project.run("local-sync", asked, "--json")
    assert synced.returncode == 0, synced.stderr
    [entry] = json.loads(synced.stdout)["datasets"]
    assert (entry["rows"], entry["left_out"]) == (6, 2)
    query = "select count(*) as rows, min(row) as first from all_rows where rms_dbfs > -90"
    found = json.loads(project.run("sql", query, "--json").stdout)
    assert found["rows"] == [{"rows": 4, "first": 2}]
    table = project.run("sql", "select '\x1b[31m|\n' as text from all_rows limit 1").stdout
    assert table.splitlines()[2] == r"| \x1b[31m\|\n |"
    far = "select cast(cast(2147483000 as date) as varchar) as day from all_rows"
    panic = project.run("sql", far, LOG_LEVEL="WARNING", RUST_BACKTRACE="1")
    assert panic.returncode == 2
    assert panic.stderr.startswith("error: the query cannot be run: out-of-range date\n  why: ")
    assert panic.stderr.count("\n") == 3
    compared = json.loads(project.run("overlaps", "--index-only", "--json").stdout)
    named = {
        "name": name_of("corpus/speech"),
        "request": "requests/add/request.yaml",
        "state": "completed",
    }
    assert compared["datasets"] == [named]
    assert compared["names"] == [named["name"]]
    (project.root / "mixtures").mkdir()
    (project.root / "mixtures/asr.yaml").write_text("datasets: [{dataset: corpus/speech}]\n")
    planned = json.loads(project.run("mix", "plan", "mixtures/asr.yaml", "--json").stdout)
    assert planned["parts"][0]["rows"] == 4
    assert planned["datasets"] == [named]
    written = project.run("mix", "write", "mixtures/asr.yaml")
    assert written.returncode == 0, written.stderr
    assert (project.root / "mixtures/asr/input_cfg.yaml").is_file()
    cuts = project.dataset(named["name"]).root / "cuts.jsonl.gz"
    before = cuts.read_bytes()
    into = project.run("mix", "write", "mixtures/asr.yaml", "--out", str(cuts.parent))
    assert (into.returncode, cuts.read_bytes()) == (2, before)
    assert "is inside STORAGE_ROOT" in into.stderr
    refused = project.request("corpus/speech", 'keep: "snr >> 3"')
    assert project.run("validate", refused).returncode == 4


def test_a_named_dataset_that_is_not_complete_is_told_and_fails_the_check(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "corpus/stored", rows=1, shards=1, seconds=0.2)
    asked = project.request("corpus/stored", name="stored")
    assert project.run("local-sync", asked, "--no-report").returncode == 0
    project.request("corpus/only_asked", name="only_asked")
    compare = ("overlaps", "corpus/stored", "corpus/only_asked", "--index-only")
    missing = name_of("corpus/only_asked")
    told = project.run(*compare, "--json")
    assert (told.returncode, json.loads(told.stdout)["not_compared"]) == (0, [missing])
    assert f"warning: {missing} is not compared" in told.stderr
    checked = project.run(*compare, "--check")
    assert checked.returncode == 1
    assert f"fix: sync it first: hugflow local-sync {missing}" in checked.stderr
    assert project.run(*compare[:2], "--index-only", "--check").returncode == 0
