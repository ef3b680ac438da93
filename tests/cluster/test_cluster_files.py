"""What `hugflow init --cluster` writes, and what the doctor says of several hosts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from hugflow.cli.project import (
    find_missing_addresses,
    make_project,
    read_template,
    refuse_own_dagster_yaml,
    to_error,
)
from hugflow.cluster import (
    LONGEST_RUN_S,
    celery_settings,
    export_addresses,
    read_addresses,
    shared_celery_settings,
    split_address,
)
from hugflow.doctor.cluster import check_cluster
from hugflow.doctor.findings import Finding, Patient
from hugflow.errors import CannotWrite, HugflowError, UsageWrong
from hugflow.redact import redact
from hugflow.settings import load_settings
from hugflow.store.hosts import HOST, read_host_cards, write_host_card
from hugflow_resources.instance import open_instance


def find(patient: Patient, check: str) -> list[Finding]:
    return [found for found in check_cluster(patient) if found.check == check]


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    make_project(tmp_path, has_cluster=True)
    (tmp_path / "datasets").mkdir()
    (tmp_path / ".hugflow-state").mkdir()
    return Patient(load_settings(tmp_path), (), {}, is_offline=True)


def test_the_launcher_and_the_workers_have_the_same_settings(tmp_path: Path):
    config = yaml.safe_load(read_template("cluster/dagster.yaml"))
    launcher = config["run_launcher"]["config"]
    assert launcher["config_source"] == shared_celery_settings()
    assert celery_settings(tmp_path).items() >= shared_celery_settings().items()
    assert shared_celery_settings()["broker_transport_options"]["visibility_timeout"] > 86_400
    assert shared_celery_settings()["result_expires"] == LONGEST_RUN_S
    assert config["run_monitoring"]["enabled"]
    assert config["concurrency"]["runs"]["tag_concurrency_limits"][0]["key"] == "hugflow/part"


def test_the_addresses_are_private_and_those_not_filled_in_are_named(tmp_path: Path):
    make_project(tmp_path, has_cluster=True)
    path = tmp_path / "cluster.env"
    assert path.stat().st_mode & 0o077 == 0
    assert "/cluster.env" in (tmp_path / ".gitignore").read_text().splitlines()
    assert len(find_missing_addresses(tmp_path)) == 3
    path.write_text("HUGFLOW_BROKER_URL=redis://queue1:6379/0\n")
    assert read_addresses(tmp_path, {}) == {"HUGFLOW_BROKER_URL": "redis://queue1:6379/0"}
    known = read_addresses(tmp_path, {"HUGFLOW_BROKER_URL": "redis://other:6379/0"})
    assert known["HUGFLOW_BROKER_URL"] == "redis://other:6379/0"


def test_a_dagster_yaml_of_ones_own_is_not_replaced_the_one_of_init_is(tmp_path: Path):
    make_project(tmp_path)
    refuse_own_dagster_yaml(tmp_path)
    make_project(tmp_path, has_cluster=True)
    assert "postgres_url" in (tmp_path / "dagster.yaml").read_text()
    other = tmp_path / "other"
    make_project(other)
    (other / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with pytest.raises(CannotWrite, match="left as it is"):
        refuse_own_dagster_yaml(other)


def test_a_project_of_one_host_is_not_asked_about_others(tmp_path: Path):
    make_project(tmp_path)
    assert not list(check_cluster(Patient(load_settings(tmp_path), (), {})))


def test_the_doctor_names_what_is_not_filled_in_and_tries_the_locks(patient: Patient):
    (missing,) = [each for each in find(patient, "cluster") if "filled in" in each.what]
    assert missing.state == "problem"
    assert "HUGFLOW_POSTGRES_URL" in missing.what
    assert [each.state for each in find(patient, "locks in STATE_DIR")] == ["ok"]


def test_the_doctor_knows_the_form_of_an_address_that_does_not_work(patient: Patient):
    wrong = {"HUGFLOW_POSTGRES_URL": "postgresql://hugflow:secret9@127.0.0.1:1/hugflow"}
    (found,) = find(replace(patient, environ=wrong, is_offline=False), "database")
    assert found.state == "problem"
    assert "postgresql+psycopg2://" in str(found.mend)
    assert "secret9" not in f"{found.what} {found.mend}"


def test_the_doctor_names_hosts_with_other_versions_and_other_clocks(patient: Patient):
    places = patient.project.places
    own = write_host_card(places)
    assert abs(own.clock_ahead_s) < 1
    for card in (
        replace(own, host="old", hugflow="0.0.1"),
        replace(own, host="late", clock_ahead_s=-61.0),
        replace(own, host="gone", seen_at=datetime.now(UTC) - timedelta(days=30)),
    ):
        HOST.write(places.hosts / f"{card.host}.json", card)
    assert [each.state for each in find(patient, f"host {own.host}")] == ["ok"]
    assert [each.state for each in find(patient, "host old")] == ["problem"]
    assert [each.state for each in find(patient, "host late")] == ["warning"]
    assert "gone" not in [card.host for card in read_host_cards(places, own.seen_at)]


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("postgresql+psycopg2://hugflow:a[b@db1:5432/hugflow", ("a[b", "db1:5432")),
        ("postgresql+psycopg2://hugflow:a/b#c@db1/hugflow?sslmode=require", ("a/b#c", "db1")),
        ("redis://queue1:6379/0", ("", "queue1:6379")),
        ("redis://:x]y@[::1]:6379/0", ("x]y", "[::1]:6379")),
        ("nonsense", ("", "")),
    ],
)
def test_a_password_in_an_address_may_have_any_character(address: str, parts: tuple[str, str]):
    assert split_address(address) == parts


def test_a_password_with_a_bracket_is_exported_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    make_project(tmp_path, has_cluster=True)
    address = "postgresql+psycopg2://hugflow:opensesame[12345@db1:5432/hugflow"
    monkeypatch.setenv("HUGFLOW_POSTGRES_URL", address)
    export_addresses(tmp_path)
    assert "opensesame" not in redact(f"cannot connect to {address}")


@pytest.mark.parametrize("has_home", [False, True])
def test_an_instance_that_cannot_be_opened_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_home: bool
):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path) if has_home else "")
    make_project(tmp_path, has_cluster=True)
    # The extra is missing here; with it, the addresses are.
    with pytest.raises(UsageWrong) as found, open_instance(tmp_path):
        pass
    assert "cluster" in found.value.mend


def test_a_process_that_prepares_the_instance_gives_its_error_or_the_end_of_its_trace():
    error = HugflowError("it is closed", why="the database is away", mend="start it")
    told = to_error(f"WARNING: again\n{error}\n", Path("dagster.yaml"))
    assert (told.what, told.why, told.mend) == (error.what, error.why, error.mend)
    trace = to_error("Traceback (most recent call last):\n  x\nValueError: odd\n", Path("d.yaml"))
    assert trace.why == "ValueError: odd"
