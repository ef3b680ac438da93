"""The resource `storage`: Dagster works as the command line does."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from hugflow.settings import load_settings
from hugflow.stages.build.options import Options
from hugflow_resources.storage import Storage

PROJECT = """\
settings:
  WORKERS: 3
  MAX_CONCURRENT_DOWNLOADS: 7
  FETCH_AHEAD_GB: 1
  KEEP_RAW: true
  KEEP_VERSIONS: 2
  MP3_SOURCE: reencode
  MAX_BAD_ROWS: 5
  REPAIR_AUDIO: false
  MAX_CLIP_HOURS: 2
  MEASURE: all
  MP3_QUALITY: 5
  VERIFY_LOAD: true
  EXPORTS: nemo,kaldi
  STORAGE_QUOTA_GB: 4
  PROGRESS_INTERVAL: 100
policy:
  largest_gb: 1000
flows:
  allow: [owner/Module]
  server: nats://gpu-team:4222
  user_seed: me.seed
  users: {gpu_team: UABC}
"""
# Of one command or run, not of the project.
OF_ONE_RUN = {"lock_wait_s": 0.0, "short_wait_s": 0.0, "actor": "somebody", "run_id": None}


def test_dagster_works_with_every_option_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VERIFY_LOAD", "WORKERS", "MEASURE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "hugflow.yaml").write_text(PROJECT)
    project = load_settings(tmp_path)
    theirs = replace(project.options, **OF_ONE_RUN)
    ours = replace(Storage.of(project).options(lock_wait_s=0.0), **OF_ONE_RUN)
    assert ours == theirs
    default = replace(Options(), **OF_ONE_RUN)
    same = {
        each.name
        for each in fields(Options)
        if getattr(ours, each.name) == getattr(default, each.name)
    }
    assert same == set(OF_ONE_RUN), "each other option has another value here than by default"


def test_the_resource_has_the_defaults_of_the_options() -> None:
    roots = {"storage_root": "/s", "processed_root": "/p", "state_dir": "/t"}
    ours = replace(Storage(**roots).options(lock_wait_s=0.0), **OF_ONE_RUN)
    assert ours == replace(Options(), **OF_ONE_RUN)
