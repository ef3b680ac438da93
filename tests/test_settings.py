"""Settings: who wins, what each name does, and what is refused."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hugflow.errors import SettingInvalid
from hugflow.project_root import find_root
from hugflow.requests.policy import Policy
from hugflow.settings import (
    ProjectSettings,
    inspect_settings,
    load_settings,
    read_gh_token,
)
from hugflow.settings_model import (
    NAMES,
    SECRETS,
    Settings,
    render_env_example,
    render_settings_table,
)

REPOSITORY = Path(__file__).parent.parent
Load = Callable[..., ProjectSettings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a project: `load({"NAME": "value"}, dotenv="...", yaml="...", start=...)`."""

    def load(
        environ: dict[str, str] | None = None,
        *,
        dotenv: str | None = None,
        yaml: str = "",
        start: Path = tmp_path,
    ) -> ProjectSettings:
        (tmp_path / "hugflow.yaml").write_text(yaml)
        if dotenv is not None:
            (tmp_path / ".env").write_text(dotenv)
        return load_settings(start, environ or {})

    return load


# What each documented name is set to, and what it then reads as.
EXAMPLES: dict[str, tuple[str, Any]] = {
    "HF_TOKEN": ("hf_test_secret", "hf_test_secret"),
    "HF_ENDPOINT": ("http://127.0.0.1:1", "http://127.0.0.1:1"),
    "HF_HOME": ("/elsewhere", Path("/elsewhere")),
    "STORAGE_ROOT": ("./store", Path("store")),
    "PROCESSED_ROOT": ("/links", Path("/links")),
    "STATE_DIR": ("state", Path("state")),
    "GITHUB_TOKEN": ("gh_test_secret", "gh_test_secret"),
    "PROGRESS_INTERVAL": ("50", 50),
    "MAX_CONCURRENT_DOWNLOADS": ("2", 2),
    "FETCH_AHEAD_GB": ("0.5", 0.5),
    "LOG_LEVEL": ("DEBUG", "DEBUG"),
    "LOG_FORMAT": ("json", "json"),
    "EXPORTS": ("kaldi,nemo", ("kaldi", "nemo")),
    "MEASURE": ("all", "all"),
    "MP3_QUALITY": ("5", 5),
    "MP3_SOURCE": ("reencode", "reencode"),
    "REPAIR_AUDIO": ("false", False),
    "MAX_CLIP_HOURS": ("1.5", 1.5),
    "VERIFY_LOAD": ("false", False),
    "KEEP_RAW": ("true", True),
    "KEEP_VERSIONS": ("2", 2),
    "MAX_BAD_ROWS": ("7", 7),
    "REQUESTS_REPO": ("https://example.org/requests.git", "https://example.org/requests.git"),
    "REQUESTS_BRANCH": ("trunk", "trunk"),
    "WORKERS": ("3", 3),
    "RUNS_PER_DATASET": ("4", 4),
    "STORAGE_QUOTA_GB": ("1.5", 1.5),
    "SYNC_ON": ("merge", "merge"),
    "AUTO_MERGE": ("yes", True),
    "GITHUB_REPOSITORY": ("acme/requests", "acme/requests"),
    "GITHUB_API_URL": ("https://github.example.org/api/v3/", "https://github.example.org/api/v3"),
    "SLACK_WEBHOOK_URL": ("https://hooks.example.org/s/1", "https://hooks.example.org/s/1"),
    "SLACK_BOT_TOKEN": ("slack_test_secret", "slack_test_secret"),
    "SLACK_CHANNEL": ("speech-data", "speech-data"),
    "SLACK_API_URL": ("http://127.0.0.1:1/api", "http://127.0.0.1:1/api"),
    "CREDENTIALS": ("/keys/account.json", "/keys/account.json"),
    "GOOGLE_SHEETS_URL": ("http://127.0.0.1:1/", "http://127.0.0.1:1"),
}


def read(project: ProjectSettings, name: str) -> Any:
    value = getattr(project.settings, NAMES[name])
    return value.get_secret_value() if name in SECRETS and value is not None else value


def test_every_declared_setting_has_an_example_here():
    assert sorted(EXAMPLES) == sorted(NAMES)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_each_documented_name_works_under_that_very_name(load: Load, name: str):
    text, value = EXAMPLES[name]
    assert read(load({name: text}), name) == value
    assert read(load(dotenv=f"{name}={text}\n"), name) == value
    (load({}).root / ".env").unlink()  # type: ignore[operator]
    if name not in SECRETS:
        quoted = f'settings:\n  {name}: "{text}"\n'
        assert read(load(yaml=quoted), name) == value
        assert read(load(yaml=f"settings:\n  {name}: {text}\n"), name) == value
    assert read(load({name.lower(): text}), name) != value


@pytest.mark.parametrize("field", sorted(NAMES.values()))
def test_no_declared_setting_is_read_nowhere(field: str):
    name = next(name for name in NAMES if NAMES[name] == field)
    own = (REPOSITORY / "hugflow" / "settings.py").read_text()
    # Read by this module itself on behalf of others: places, options, the Hub's environment.
    used_here = re.findall(rf"settings\.{field}\b|resolve\(\"{name}\"\)", own)
    others = [
        path
        for folder in ("hugflow", "hugflow_assets", "resources", "sensors")
        for path in (REPOSITORY / folder).rglob("*.py")
        if path.name != "settings.py"
    ]
    assert used_here or any(
        re.search(rf"settings\.{field}\b", path.read_text("utf-8")) for path in others
    )


@pytest.mark.parametrize("name", ["STORAGE_ROOT", "MP3_SOURCE", "PROGRESS_INTERVAL"])
def test_environment_wins_over_dotenv_over_yaml_over_default(load: Load, name: str):
    values = {"STORAGE_ROOT": "abc", "MP3_SOURCE": ["reencode"] * 3, "PROGRESS_INTERVAL": "123"}
    env, dotenv, yaml = values[name]
    layers = {"dotenv": f"{name}={dotenv}\n", "yaml": f'settings:\n  {name}: "{yaml}"\n'}
    project = load({name: env}, **layers)
    assert (str(read(project, name)), project.origins[name]) == (env, "environment")
    project = load({}, **layers)
    assert (str(read(project, name)), project.origins[name]) == (dotenv, ".env")
    project = load({}, dotenv="", yaml=layers["yaml"])
    assert (str(read(project, name)), project.origins[name]) == (yaml, "hugflow.yaml")
    project = load({}, dotenv="")
    assert read(project, name) == Settings.model_fields[NAMES[name]].get_default()
    assert project.origins[name] == "default"


def test_an_empty_value_is_not_set(load: Load):
    project = load(
        {"LOG_LEVEL": "", "STORAGE_ROOT": ""},
        dotenv="LOG_LEVEL=\n",
        yaml="settings:\n  LOG_LEVEL: DEBUG\n  MP3_SOURCE:\n  KEEP_RAW: ''\n",
    )
    assert project.settings.log_level == "DEBUG"
    assert project.settings.mp3_source == "copy"
    assert project.origins["STORAGE_ROOT"] == "default"


def test_false_and_zero_are_values(load: Load):
    project = load({}, yaml="settings:\n  MAX_BAD_ROWS: 0\n  KEEP_RAW: false\n")
    assert project.settings.max_bad_rows == 0
    assert project.origins["KEEP_RAW"] == "hugflow.yaml"


def test_dotenv_is_taken_as_it_is_written(load: Load):
    project = load({"HOME": "/h"}, dotenv='HF_TOKEN="a$HOME${HOME}b"\nexport STATE_DIR=s # x\n')
    assert project.settings.hf_token is not None
    assert project.settings.hf_token.get_secret_value() == "a$HOME${HOME}b"
    assert project.settings.state_dir == Path("s")


def test_relative_roots_are_relative_to_the_project_and_never_to_the_working_directory(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    settings = {"STORAGE_ROOT": "./data", "PROCESSED_ROOT": "../links", "STATE_DIR": "/state"}
    places = load(settings, start=deep).places
    assert places.storage_root == tmp_path / "data"
    assert places.processed_root == tmp_path.parent / "links"
    assert places.state_dir == Path("/state")


def test_a_home_folder_is_written_with_a_tilde(load: Load, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert load({"STORAGE_ROOT": "~/data"}).places.storage_root == Path("/home/somebody/data")


def test_the_project_is_the_nearest_folder_upwards(tmp_path: Path):
    inner = tmp_path / "outer" / "inner"
    (inner / "deep").mkdir(parents=True)
    (tmp_path / "outer" / "hugflow.yaml").touch()
    assert find_root(inner / "deep", {}) == tmp_path / "outer"
    (inner / "workspace.yaml").touch()
    assert find_root(inner / "deep", {}) == inner


def test_hugflow_home_is_the_project_where_there_is_none_upwards(tmp_path: Path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".env").write_text("STORAGE_ROOT=data\n")
    (tmp_path / "elsewhere").mkdir()
    environ = {"HUGFLOW_HOME": str(tmp_path / "home")}
    project = load_settings(tmp_path / "elsewhere", environ)
    assert project.places.storage_root == tmp_path / "home" / "data"
    (tmp_path / "elsewhere" / "hugflow.yaml").touch()
    assert load_settings(tmp_path / "elsewhere", environ).root == tmp_path / "elsewhere"


def test_without_a_project_a_relative_root_is_refused_and_an_absolute_one_is_not(tmp_path: Path):
    roots = {"STORAGE_ROOT": "/a", "PROCESSED_ROOT": "/b", "STATE_DIR": "/c"}
    assert load_settings(tmp_path, roots).places.storage_root == Path("/a")
    with pytest.raises(SettingInvalid, match="HUGFLOW_HOME") as refused:
        _ = load_settings(tmp_path, {**roots, "STATE_DIR": "state"}).places
    assert "STATE_DIR" in refused.value.what
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_in_the_file_that_is_committed_is_refused_and_not_repeated(load: Load, name: str):
    with pytest.raises(SettingInvalid, match=name) as refused:
        load({}, yaml=f"settings:\n  {name}: hf_test_leaked\n")
    assert "hf_test_leaked" not in str(refused.value)


def test_secrets_do_not_show_when_settings_are_printed(load: Load):
    project = load({"HF_TOKEN": "hf_test_leaked"})
    assert "hf_test_leaked" not in f"{project!r} {project.settings} {project.settings.model_dump()}"


def test_an_unknown_name_in_the_file_is_refused_with_its_line_and_the_nearest(load: Load):
    with pytest.raises(
        SettingInvalid, match=r"(?s)STORAGE_ROOTS.*line 2.*did you mean STORAGE_ROOT"
    ):
        load({}, yaml="settings:\n  STORAGE_ROOTS: a\n")


def test_what_else_stands_in_the_file_is_left_to_others(load: Load):
    yaml = "parents: {a: {location: b}}\nsources: {a: 1}\nsettings: {WORKERS: 2}\n"
    project = load({}, yaml=yaml)
    assert project.settings.workers == 2
    assert project.warnings == ()


@pytest.mark.parametrize("name", ["hugflow.yml", "hugflow.json"])
def test_settings_are_read_from_each_name_of_the_project_file(tmp_path: Path, name: str):
    (tmp_path / name).write_text('{"settings": {"WORKERS": 2}}')
    project = load_settings(tmp_path, {})
    assert (project.root, project.settings.workers) == (tmp_path, 2)
    assert project.origins["WORKERS"] == name
    (tmp_path / name).write_text('{"settings": {\n"WORKERS": 0}}')
    with pytest.raises(SettingInvalid, match=rf"(?s)WORKERS \({name}\).*in line 2 of {name}"):
        load_settings(tmp_path, {})


def test_a_legacy_file_marks_no_project_and_sets_nothing(tmp_path: Path):
    (tmp_path / "config.json").write_text('{"settings": {"WORKERS": 2}, "policy": {"owners": []}}')
    assert load_settings(tmp_path, {}).root is None
    (tmp_path / "workspace.yaml").touch()
    project = load_settings(tmp_path, {})
    assert project.origins["WORKERS"] == "default"
    assert project.policy == Policy()
    assert [warning.partition(" is not read")[0] for warning in project.warnings] == [
        "config.json:1: settings",
        "config.json:1: policy",
    ]


def test_the_local_file_holds_overrides_and_nothing_else(load: Load, tmp_path: Path):
    (tmp_path / "hugflow.local.yaml").write_text("overrides: {parent: ../parent}\n")
    assert load({}).warnings == ()
    (tmp_path / "hugflow.local.yaml").write_text("\npolicy: {}\n")
    with pytest.raises(SettingInvalid, match=r"hugflow\.local\.yaml:2: policy is an unknown key"):
        load({})


def test_a_name_that_stands_twice_in_the_file_is_refused(load: Load):
    with pytest.raises(SettingInvalid, match=r"(?s)WORKERS.*line 3.*second time"):
        load({}, yaml="settings:\n  WORKERS: 2\n  WORKERS: 3\n")


def test_all_that_is_wrong_is_told_at_once_each_with_its_place(load: Load):
    with pytest.raises(SettingInvalid) as refused:
        load(
            {"LOG_LEVEL": "LOUD"},
            dotenv="# mine\n\nAUTO_MERGE=perhaps\n",
            yaml="settings:\n  WORKERS: zero\n  HF_TOKEN: hf_test_leaked\n  LOG_FORM: text\n",
        )
    told = str(refused.value)
    assert refused.value.exit_code == 2
    assert "LOG_LEVEL (environment)" in told
    assert "AUTO_MERGE (.env)" in told
    assert "in line 3 of .env; without it, it is false" in told
    assert "WORKERS (hugflow.yaml)" in told
    assert "in line 2 of hugflow.yaml" in told
    assert "HF_TOKEN (hugflow.yaml) is refused" in told
    assert "did you mean LOG_FORMAT?" in told
    assert told.count("  why: ") == told.count("  fix: ") == 5
    assert "leaked" not in told


def test_the_settings_that_can_be_hold_beside_those_that_cannot(load: Load, tmp_path: Path):
    (tmp_path / "workspace.yaml").touch()
    environ = {"WORKERS": "zero", "LOG_LEVEL": "DEBUG"}
    project, problems = inspect_settings(tmp_path, environ)
    assert project.settings.log_level == "DEBUG"
    assert project.refused == ("WORKERS",)
    assert [problem.what for problem in problems] == ["WORKERS (environment) has no valid value"]


def test_a_secret_in_the_file_that_is_committed_is_not_used_either(tmp_path: Path):
    (tmp_path / "hugflow.yaml").write_text("settings:\n  HF_TOKEN: hf_test_leaked\n")
    project, _ = inspect_settings(tmp_path, {})
    assert project.hf_token is None


BAD = {
    "PROGRESS_INTERVAL": ["zero", "0", "-1", "1.5"],
    "MAX_CONCURRENT_DOWNLOADS": ["0"],
    "FETCH_AHEAD_GB": ["-1", "much", "nan", "inf"],
    "LOG_LEVEL": ["LOUD"],
    "LOG_FORMAT": ["xml"],
    "MEASURE": ["some"],
    "MP3_QUALITY": ["-1", "10", "2.5", "best"],
    "MP3_SOURCE": ["cp"],
    "KEEP_RAW": ["perhaps"],
    "MAX_BAD_ROWS": ["a few", "101%", "-1", "1.00001%"],
    "WORKERS": ["0", "many"],
    "STORAGE_QUOTA_GB": ["0", "-5", "much", "nan", "inf", "1e400"],
    "SYNC_ON": ["push"],
    "AUTO_MERGE": ["perhaps"],
    "GITHUB_REPOSITORY": ["nobodys", "https://github.com/acme/requests", "a/b/c"],
    "GITHUB_API_URL": ["127.0.0.1:80", "ssh://127.0.0.1"],
    "SLACK_WEBHOOK_URL": ["hooks.slack.com/services/x"],
    "SLACK_BOT_TOKEN": ["two words"],
    "SLACK_CHANNEL": ["two channels", "a,b"],
    "SLACK_API_URL": ["127.0.0.1/api"],
    "GOOGLE_SHEETS_URL": ["127.0.0.1/sheets"],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values])
def test_a_bad_value_is_refused_with_its_name_and_origin_and_without_the_value(
    load: Load, name: str, value: str
):
    for project, origin in (
        (lambda: load({name: value}), "environment"),
        (lambda: load({}, dotenv=f"{name}={value}\n"), ".env"),
    ):
        with pytest.raises(SettingInvalid, match=name) as refused:
            project()
        assert f"({origin})" in refused.value.what
        assert "Input should" not in str(refused.value)
        assert refused.value.__cause__ is None
        if len(value) > 4:
            assert value not in str(refused.value)


@pytest.mark.parametrize(
    "yaml",
    [
        "settings: [a",
        "settings: 5",
        "settings:\n  ? [a]\n  : b\n",
        "settings:\n  WORKERS: [1]\n",
        "settings:\n  WORKERS: {a: b}\n",
        "settings:\n  WORKERS: 2001-99-99\n",
        "settings:\n  WORKERS: " + "9" * 5_000,
        "settings: " + "[" * 30_000,
        "settings: !!python/object/apply:os.system [ls]",
        "x: " + "y" * 70_000,
        "settings:\n  5: a\n",
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_three_lines(load: Load, yaml: str):
    with pytest.raises(SettingInvalid) as refused:
        load({}, yaml=yaml)
    assert len(str(refused.value)) < 1_000


def test_files_that_are_no_text_are_refused(tmp_path: Path):
    (tmp_path / "hugflow.yaml").write_bytes(b"\xff")
    with pytest.raises(SettingInvalid, match=r"hugflow\.yaml"):
        load_settings(tmp_path, {})
    (tmp_path / "hugflow.yaml").write_bytes(b"")
    (tmp_path / ".env").write_bytes(b"STATE_DIR=\xff\n")
    with pytest.raises(SettingInvalid, match=r"\.env"):
        load_settings(tmp_path, {})


def test_a_file_without_settings_says_nothing_of_them(load: Load):
    for yaml in ("", "# nothing\n", "parents: []\n", "settings:\n"):
        assert load({}, yaml=yaml).origins["STORAGE_ROOT"] == "default"


def test_options_carry_what_the_settings_say(load: Load):
    names = ("WORKERS", "MAX_CONCURRENT_DOWNLOADS", "KEEP_RAW", "MP3_SOURCE", "MAX_BAD_ROWS")
    options = load({name: EXAMPLES[name][0] for name in names}).options
    assert (options.workers, options.download_slots, options.keep_raw) == (3, 2, True)
    assert (options.mp3_source, options.max_bad_rows) == ("reencode", 7)


def test_a_quota_in_gb_is_one_in_bytes_for_the_work(load: Load):
    assert load({"STORAGE_QUOTA_GB": "1.5"}).options.storage_quota_bytes == 1_500_000_000
    assert load({}).options.storage_quota_bytes is None
    assert load({"FETCH_AHEAD_GB": "0"}).options.fetch_ahead_bytes == 0


def test_a_file_written_on_windows_reads_the_same(load: Load, tmp_path: Path):
    (tmp_path / ".env").write_bytes(
        b"\xef\xbb\xbfexport STORAGE_ROOT=\"my data\"\r\nLOG_LEVEL=debug\r\n\r\nKEEP_RAW='true'\r\n"
    )
    project = load({})
    assert project.settings.storage_root == Path("my data")
    assert project.settings.log_level == "DEBUG"
    assert project.settings.keep_raw is True
    assert project.warnings == ()


def test_a_name_in_dotenv_that_is_like_a_setting_is_warned_about_and_others_are_not(load: Load):
    project = load(
        {},
        dotenv="STORAGE_ROT=a\nlog_level=DEBUG\nPOSTGRES_PASSWORD=x\nHF_HUB_CACHE=c\nHF_TOEKN=d\n",
    )
    assert project.warnings == (
        ".env, line 1: STORAGE_ROT is no setting; did you mean STORAGE_ROOT?",
        ".env, line 2: log_level is no setting; did you mean LOG_LEVEL?",
        ".env, line 5: HF_TOEKN is no setting; did you mean HF_TOKEN?",
    )
    assert load({}, dotenv="").warnings == ()


def test_a_line_in_dotenv_that_says_nothing_is_warned_about_and_not_repeated(load: Load):
    project = load(
        {}, dotenv="LOG_LEVEL=DEBUG\nHF_TOKEN hf_test_leaked\nKEEP_RAW: true\nWORKERS=2\n"
    )
    assert [warning[:13] for warning in project.warnings] == [".env, line 2,", ".env, line 3,"]
    assert "leaked" not in str(project.warnings)
    assert project.settings.workers == 2


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path):
    (tmp_path / "workspace.yaml").touch()
    # Everybody may open it, and nobody may read its first byte.
    (tmp_path / ".env").symlink_to("/proc/self/mem")
    with pytest.raises(SettingInvalid, match=r"\.env cannot be used"):
        load_settings(tmp_path, {})


def test_a_folder_called_dotenv_is_somebodys_virtual_environment(load: Load, tmp_path: Path):
    (tmp_path / ".env").mkdir()
    assert load({}).origins["HF_TOKEN"] == "default"


def test_a_home_that_is_no_folder_is_refused(tmp_path: Path):
    for home in (str(tmp_path / "nowhere"), "~nobody-of-this-name"):
        with pytest.raises(SettingInvalid, match="HUGFLOW_HOME"):
            load_settings(tmp_path, {"HUGFLOW_HOME": home})


@pytest.fixture
def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """GitHub's own program, as far as we ask it; gives the file that it logs its calls to."""
    log = tmp_path / "gh.log"
    program = tmp_path / "bin" / "gh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {log}\necho made_up_by_gh\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    read_gh_token.cache_clear()
    yield log
    read_gh_token.cache_clear()


def test_without_a_token_for_github_its_own_program_is_asked(load: Load, gh: Path):
    assert load({"GITHUB_TOKEN": "made_up"}).github_token == "made_up"
    assert not gh.exists()
    assert load({}).github_token == "made_up_by_gh"
    assert gh.read_text() == "auth token\n"
    load({"GITHUB_API_URL": "https://github.example.org/api/v3"}).github_token  # noqa: B018
    assert gh.read_text().splitlines()[1] == "auth token --hostname github.example.org"


def test_without_the_program_there_is_no_token(load: Load, monkeypatch: pytest.MonkeyPatch):
    read_gh_token.cache_clear()
    monkeypatch.setenv("PATH", "/nowhere")
    assert load({}).github_token is None
    read_gh_token.cache_clear()


@pytest.mark.parametrize(
    ("settings", "token"),
    [
        ({"REQUESTS_REPO": "https://github.com/a/b.git", "GITHUB_TOKEN": "mine"}, "mine"),
        ({"REQUESTS_REPO": "https://github.com/a/b.git"}, "made_up_by_gh"),
        ({"REQUESTS_REPO": "https://gitlab.example.org/a/b.git", "GITHUB_TOKEN": "mine"}, "mine"),
        ({"REQUESTS_REPO": "https://gitlab.example.org/a/b.git"}, None),
        ({"REQUESTS_REPO": "git@github.com:a/b.git", "GITHUB_TOKEN": "mine"}, None),
    ],
)
def test_the_token_of_github_goes_to_the_repository_it_was_meant_for(
    load: Load, gh: Path, settings: dict[str, str], token: str | None
):
    remote = load({**settings, "REQUESTS_BRANCH": "trunk"}).find_remote()
    assert (remote.url, remote.branch, remote.token) == (settings["REQUESTS_REPO"], "trunk", token)


def test_the_hubs_libraries_see_what_dotenv_says(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("HF_ENDPOINT", "HF_HOME"):
        monkeypatch.setenv(name, "before")
    load({}, dotenv="HF_ENDPOINT=http://127.0.0.1:1\nHF_HOME=cache\n").export_hub_environment()
    assert os.environ["HF_ENDPOINT"] == "http://127.0.0.1:1"
    assert os.environ["HF_HOME"] == str(tmp_path / "cache")


def test_reading_the_settings_does_not_import_the_hubs_library():
    # It reads HF_ENDPOINT when it is imported, which is before we could have told it.
    code = "import hugflow.settings, sys; sys.exit('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_example_file_lists_every_setting_and_sets_none(load: Load):
    text = (REPOSITORY / ".env.example").read_text("utf-8")
    assert text == render_env_example()
    assert set(load({}, dotenv=text).origins.values()) == {"default"}
    set_all = re.sub(r"^# ([A-Z_]+=.+)$", r"\1", text, flags=re.MULTILINE)
    given = load({}, dotenv=set_all)
    assert given.settings == load({}, dotenv="").settings


def test_the_docs_hold_the_table_of_the_settings():
    assert render_settings_table() in (REPOSITORY / "docs" / "settings.md").read_text("utf-8")


def test_a_token_loses_the_line_end_that_files_leave_behind_it(tmp_path: Path):
    (tmp_path / "workspace.yaml").touch()
    assert load_settings(tmp_path, {"HF_TOKEN": "hf_made_up\r\n"}).hf_token == "hf_made_up"


@pytest.mark.parametrize("token", ["hf_made up", "hf_made\nup", "hf_made\u2019up", "hf_\x1bup"])
def test_what_can_be_no_token_is_refused_and_not_shown(tmp_path: Path, token: str):
    (tmp_path / "workspace.yaml").touch()
    with pytest.raises(SettingInvalid, match="HF_TOKEN") as refused:
        load_settings(tmp_path, {"HF_TOKEN": token})
    assert "hf_" not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["huggingface.co", "ftp://hub", "http://[::1", "http://127.0.0.1:99999", "https://"]
)
def test_an_endpoint_that_is_no_address_is_refused(tmp_path: Path, address: str):
    (tmp_path / "workspace.yaml").touch()
    with pytest.raises(SettingInvalid, match="HF_ENDPOINT"):
        load_settings(tmp_path, {"HF_ENDPOINT": address})


def test_a_home_of_nobody_is_refused(tmp_path: Path):
    (tmp_path / "workspace.yaml").touch()
    project = load_settings(tmp_path, {"STORAGE_ROOT": "~nobody-of-this-name/x"})
    with pytest.raises(SettingInvalid, match="STORAGE_ROOT"):
        _ = project.places
