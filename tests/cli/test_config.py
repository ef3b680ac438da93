"""`hugflow config show`: what holds, and who said so."""

import json

from tests.projects import Project

TOKEN = "made_up_secret"
SECRETS = {
    "HF_TOKEN": TOKEN,
    "GITHUB_TOKEN": TOKEN,
    "SLACK_BOT_TOKEN": TOKEN,
    "SLACK_WEBHOOK_URL": f"https://hooks.example.org/{TOKEN}",
}


def test_every_setting_is_shown_with_its_value_in_full_and_where_it_came_from(project: Project):
    (project.root / ".env").write_text("LOG_LEVEL=debug\n")
    (project.root / "hugflow.yaml").write_text("settings:\n  STORAGE_QUOTA_GB: 500\n")
    done = project.run("config", "show", "--origin", WORKERS="3")
    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["project", "root:", str(project.root)]
    assert ["WORKERS", "3", "environment"] in lines
    assert ["LOG_LEVEL", "DEBUG", ".env"] in lines
    assert ["STORAGE_QUOTA_GB", "500", "hugflow.yaml"] in lines
    assert ["STORAGE_ROOT", str(project.root / "datasets"), "default"] in lines
    assert ["SLACK_CHANNEL", "#ml-datasets", "default"] in lines
    assert ["GITHUB_TOKEN", "-", "default"] in lines
    assert ["KEEP_RAW", "false", "default"] in lines
    assert ["EXPORTS", "nemo,lhotse,metadata", "default"] in lines


def test_without_origin_it_is_names_and_values(project: Project):
    done = project.run("config", "show", WORKERS="3")
    assert ["WORKERS", "3"] in [line.split() for line in done.stdout.splitlines()]


def test_no_secret_is_ever_shown(project: Project):
    repository = f"https://ann:{TOKEN}@example.org/requests.git"
    for arguments in (["--origin"], ["--json"]):
        done = project.run("config", "show", *arguments, REQUESTS_REPO=repository, **SECRETS)
        assert done.returncode == 0
        assert "(set)" in done.stdout
        assert "https://(hidden)@example.org/requests.git" in done.stdout
        assert TOKEN not in done.stdout + done.stderr


def test_as_json_each_setting_has_value_and_origin(project: Project):
    answer = json.loads(project.run("config", "show", "--json", MAX_BAD_ROWS="7").stdout)
    assert answer["schema_version"] == 1
    assert answer["root"] == str(project.root)
    assert answer["settings"]["MAX_BAD_ROWS"] == {
        "value": 7,
        "origin": "environment",
        "is_refused": False,
    }
    assert answer["settings"]["HF_TOKEN"]["value"] is None
    assert answer["problems"] == answer["warnings"] == []


def test_with_wrong_settings_it_shows_the_others_and_all_that_is_wrong(project: Project):
    (project.root / ".env").write_text("AUTO_MERGE=perhaps\nLOG_LEVLE=DEBUG\n")
    done = project.run("config", "show", "--origin", STORAGE_ROOT="~nobody-of-this-name/x")
    assert done.returncode == 2
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["AUTO_MERGE", "(refused)", ".env"] in lines
    assert ["STORAGE_ROOT", "(refused)", "environment"] in lines
    assert ["LOG_LEVEL", "INFO", "default"] in lines
    assert "AUTO_MERGE (.env) has no valid value" in done.stderr
    assert "STORAGE_ROOT" in done.stderr
    assert "did you mean LOG_LEVEL?" in done.stderr
    answer = json.loads(project.run("config", "show", "--json").stdout)
    assert answer["settings"]["AUTO_MERGE"] == {
        "value": None,
        "origin": ".env",
        "is_refused": True,
    }
    assert [problem["what"] for problem in answer["problems"]] == [
        "AUTO_MERGE (.env) has no valid value"
    ]


def test_outside_of_a_project_it_shows_what_can_be_known(project: Project):
    (project.root / "workspace.yaml").unlink()
    done = project.run("config", "show", PROCESSED_ROOT="/links")
    assert done.returncode == 2
    assert done.stdout.startswith("project root: none\n")
    assert "hugflow init" in done.stderr


def test_a_command_warns_once_of_a_name_in_dotenv_that_is_like_a_setting(project: Project):
    (project.root / ".env").write_text("STORAGE_ROT=elsewhere\n")
    done = project.run("local-sync", project.request("acme/any"), HF_ENDPOINT="http://127.0.0.1:9")
    assert done.stderr.count("STORAGE_ROT is no setting; did you mean STORAGE_ROOT?") == 1
