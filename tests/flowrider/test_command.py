"""The command line of a run: exactly these arguments, in this order."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from hugflow.flowrider import FlowConfig, FlowConfigError, build_argv
from hugflow.flowrider.command import build_resume_argv
from hugflow.flowrider.config import parse_config_text
from tests.flowrider.project import SEED_YAML, FlowProject

HEAD = ["python", "flow.py", "--no-pylint"]
SUFFIXES = ["--package-suffixes", ".py,.yaml,.md,.txt,.env.shared,PKG-INFO"]


def argv(config: FlowConfig, *extra: str) -> list[str]:
    return build_argv("flow.py", config, run_id_file="f", extra_tags=extra, python="python")


def flow_part(flow_kwargs: dict[str, object]) -> list[str]:
    words = argv(FlowConfig(flow_kwargs=flow_kwargs))
    return words[words.index("run") + 1 : words.index("--run-id-file")]


SEED_ARGV = [
    *HEAD,
    *("--datastore", "s3"),
    *("--metadata", "local"),
    *("--with", "batch:cpu=1"),
    *("--environment", "conda"),
    *("--package-suffixes", ".py,.txt,.md,.yaml,.env.shared,PKG-INFO"),
    "run",
    *("--run-id-file", "f"),
    *("--tag", "my extra tag"),
    *("--tag", "another one"),
    *("--tag", "project_name"),
    *("--tag", "my-repo"),
]


def test_the_config_of_the_document_gives_the_written_arguments():
    assert argv(parse_config_text(SEED_YAML), "project_name", "my-repo") == SEED_ARGV


@pytest.mark.slow
def test_metaflow_itself_takes_the_arguments_of_the_document(flow_project: FlowProject):
    flow = flow_project.package / "pipeline/example/example_flow.py"
    preflow = SEED_ARGV[2 : SEED_ARGV.index("run")]
    settings = {
        "METAFLOW_USER": "ada",
        "METAFLOW_DATASTORE_SYSROOT_S3": "s3://bucket/metaflow",
        "METAFLOW_BATCH_JOB_QUEUE": "queue",
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": "role",
        "METAFLOW_CONDA_DEPENDENCY_RESOLVER": "conda",
    }
    done = subprocess.run(
        [sys.executable, "-B", str(flow), *preflow, "show"],
        env={**os.environ, **settings},
        cwd=flow_project.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Step middle" in done.stdout


def test_an_empty_config_still_names_what_goes_with_the_flow():
    assert argv(FlowConfig()) == [*HEAD, *SUFFIXES, "run", "--run-id-file", "f"]


@pytest.mark.parametrize("given", [".csv,.py", [".csv", ".py"]])
def test_suffixes_are_text_or_a_list_and_come_before_ours(given: object):
    words = argv(FlowConfig(preflow_kwargs={"package-suffixes": given}))
    assert words[4] == ".csv,.py,.yaml,.md,.txt,.env.shared,PKG-INFO"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a text; $(with) 'signs'", "a text; $(with) 'signs'"),
        ("", ""),
        (Path("a/b"), "a/b"),
        (1, "1"),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        ([1, "a"], '[1, "a"]'),
        ({"a": None}, '{"a": null}'),
        (date(2026, 1, 2), "2026-01-02"),
        ([datetime(2026, 1, 2, tzinfo=UTC)], '["2026-01-02T00:00:00+00:00"]'),
    ],
)
def test_a_value_is_text_as_it_is_or_json(value: object, text: str):
    assert flow_part({"p": value}) == ["--p", text]


def test_a_null_leaves_an_option_out_and_lists_of_decorators_repeat_it():
    assert flow_part({"a": None, "with": ["retry", "timeout:seconds=3"], "b": 1}) == [
        *("--with", "retry"),
        *("--with", "timeout:seconds=3"),
        *("--b", "1"),
    ]


def test_true_before_the_command_is_a_bare_flag():
    config = FlowConfig(preflow_kwargs={"quiet": True, "pylint": False, "with": ["a", "b"]})
    assert argv(config)[3:8] == ["--quiet", "--with", "a", "--with", "b"]


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), b"bytes", object(), "a\0b", [{1}]])
def test_a_value_without_text_is_an_error_that_names_the_key(value: object):
    with pytest.raises(FlowConfigError, match=r"flow_kwargs\.p"):
        argv(FlowConfig(flow_kwargs={"p": value}))


def test_a_hook_that_was_not_resolved_is_an_error():
    with pytest.raises(FlowConfigError, match="still a hook"):
        argv(FlowConfig(flow_kwargs={"p": {"hook": {"name": "a.b"}}}))


def test_a_resume_has_the_origin_and_no_parameters():
    config = FlowConfig(flow_kwargs={"seed": 1, "max-workers": 2}, tags=["t"])
    words = build_resume_argv(
        "flow.py", config, origin_run_id="17", run_id_file="f", step="end", python="python"
    )
    assert words[len(HEAD + SUFFIXES) :] == [
        *("resume", "end", "--origin-run-id", "17", "--max-workers", "2"),
        *("--run-id-file", "f", "--tag", "t"),
    ]
