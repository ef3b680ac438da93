"""A project whose sensor is ticked by hand, with a real remote and Dagster in memory."""

from dataclasses import dataclass

import dagster as dg

from hugflow.requests.catalog import read_catalog
from hugflow.requests.collect import collect_requests
from hugflow.settings import load_settings
from hugflow.stages.build.build import Build
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow_assets.definitions import load_definitions
from hugflow_resources.hub import HubResource
from hugflow_resources.storage import Storage
from tests.dagster.conftest import Project


@dataclass
class World:
    """A project whose sensor is ticked by hand; loading anew stands for the reload."""

    project: Project
    instance: dg.DagsterInstance
    cursor: str | None = None
    definitions: dg.Definitions | None = None

    @property
    def places(self) -> Places:
        return load_settings(self.project.root).places

    def load(self) -> dg.Definitions:
        self.definitions = load_definitions(load_settings(self.project.root))
        return self.definitions

    def tick(self) -> dg.SensorResult:
        definitions = self.definitions or self.load()
        repository = definitions.get_repository_def()
        sensor = repository.get_sensor_def("requests_on_main")
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=repository,
            resources=dict(definitions.resources or {}),
        ) as context:
            result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        return result

    def tick_after_push(self) -> dg.SensorResult:
        """Two ticks, as after a push: one that reads main, one in the code that was loaded anew."""
        self.tick()
        self.load()
        return self.tick()

    def words(self, result: dg.SensorResult) -> str:
        return result.skip_reason.skip_message or "" if result.skip_reason else ""

    def end_run(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> dg.DagsterRun:
        """A run of what the sensor asked for, in this state."""
        definitions = self.definitions or self.load()
        job = definitions.resolve_implicit_global_asset_job_def()
        run = self.instance.create_run_for_job(
            job, tags=dict(request.tags), asset_selection=frozenset(request.asset_selection or ())
        )
        if status is dg.DagsterRunStatus.FAILURE:
            self.instance.report_run_failed(run)
        elif status is dg.DagsterRunStatus.STARTED:
            self.start(run)
        return run

    def start(self, run: dg.DagsterRun) -> None:
        event = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, run.job_name)
        self.instance.report_dagster_event(event, run.run_id)

    def status(self, run: dg.DagsterRun) -> dg.DagsterRunStatus:
        found = self.instance.get_run_by_id(run.run_id)
        assert found is not None
        return found.status

    def build(self, name: str) -> Build:
        """The build of a dataset that main asks for."""
        catalog = read_catalog(self.places)
        assert catalog is not None
        requests = collect_requests(catalog.data_by_path)
        adds = (*requests.adds, *requests.shadowed)
        (request,) = [file.request for file in adds if file.request.name == name]
        storage = Storage.of(load_settings(self.project.root))
        return open_build(request, self.places, HubResource().open(), storage.options())

    def complete(self, name: str) -> None:
        """Make a dataset that main asks for, and let Dagster know of it."""
        self.tick_after_push()
        sync_dataset(self.build(name))
        self.adopt()
        assert self.places.link(name).is_symlink()

    def adopt(self) -> dg.SensorResult:
        """One tick, whose events are stored as the daemon stores them."""
        result = self.tick()
        for event in result.asset_events:
            self.instance.report_runless_asset_event(event)
        return result

    def delete(self, path: str) -> None:
        """Take a file off main."""
        (self.project.work_tree / path).unlink()
        self.project.push({})
