"""Where a flow, its configs and its run ids lie: paths only, nothing is read but folders.

    PROJECT/{PKG}/pipeline/{FLOW}.py                      the flow
    PROJECT/{PKG}/config/pipeline/{FLOW}_{TAG}.yaml       one run of it
    PROJECT/{PKG}/config/pipeline/{FLOW}_{TAG}.run_id     the id of its last success
    PROJECT/.metaflow/                                    Metaflow's local datastore
    PROJECT/.hugflow-state/flows/                         attempts, logs, values of Dagster runs

FLOW may have folders: `example/example_flow`.
"""

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Final, TypeAlias

from hugflow.flowrider.errors import FlowConfigError
from hugflow.late_dataclass import dataclass
from hugflow.nearest import nearest_name

DEFAULT_TAG: Final = "dev"
PIPELINES: Final = "pipeline"
CONFIGS: Final = "config/pipeline"
YAML_SUFFIXES: Final = (".yaml", ".yml")
RUN_ID_SUFFIX: Final = ".run_id"
STATE: Final = ".hugflow-state/flows"

Package: TypeAlias = str | Path | ModuleType

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class PipelinePlaces:
    """The paths of one package's flows. package: the package's folder, absolute."""

    package: Path

    @property
    def name(self) -> str:
        """The name of the package."""
        return self.package.name

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.package.parent

    @property
    def configs(self) -> Path:
        """The folder of the YAML files."""
        return self.package / CONFIGS

    @property
    def state(self) -> Path:
        """The folder of what is recorded about runs."""
        return self.root / STATE

    def flow(self, flow_subpath: str) -> Path:
        """The file of a flow. Raises FlowConfigError for a name that is no path below."""
        return self.package / PIPELINES / f"{check_subpath(flow_subpath)}.py"

    def config(self, flow_subpath: str, tag: str = DEFAULT_TAG) -> Path:
        """The YAML of one run of a flow. Raises FlowConfigError as `flow` does."""
        return self.configs / f"{check_subpath(flow_subpath)}_{check_tag_name(tag)}.yaml"


def find_places(package: Package) -> PipelinePlaces:
    """The places of a package: a module, its name, or its folder.

    A name means a folder of the working directory first, then an importable package. Raises
    FlowConfigError if there is none.
    """
    if isinstance(package, ModuleType):
        return PipelinePlaces(_folder_of_module(package))
    folder = Path(package)
    if folder.is_dir():
        return PipelinePlaces(folder.resolve())
    if isinstance(package, str) and all(map(str.isidentifier, package.split("."))):
        try:
            spec = importlib.util.find_spec(package)
        except (ImportError, ValueError):
            spec = None
        for place in (spec and spec.submodule_search_locations) or ():
            return PipelinePlaces(Path(place).resolve())
    raise FlowConfigError(
        f"there is no package {str(package)!r}",
        why="it is neither a folder here nor an importable package",
        mend="give the name of the folder that holds pipeline/ and config/pipeline/",
    )


def find_packages(root: Path) -> list[PipelinePlaces]:
    """The packages in a project's folder that have configs or flows, by name."""
    if not root.is_dir():
        return []
    return [
        PipelinePlaces(folder.resolve())
        for folder in sorted(root.iterdir())
        if folder.name.isidentifier()
        and ((folder / CONFIGS).is_dir() or (folder / PIPELINES).is_dir())
    ]


def choose_package(root: Path, name: str | None = None) -> PipelinePlaces:
    """The package of that name in a project; without a name, the only one.

    Raises FlowConfigError if there is none, or more than one.
    """
    found = {places.name: places for places in find_packages(root)}
    if name is not None:
        return found.get(name) or find_places(root / name if (root / name).is_dir() else name)
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        raise FlowConfigError(
            f"{root} has no flows",
            why=f"no package in it has a folder {CONFIGS} or {PIPELINES}",
            mend="change to the folder that holds the package, or name it with --pkg-name",
        )
    raise FlowConfigError(
        f"{root} has {len(found)} packages with flows: {', '.join(found)}",
        why="the flow could be in each of them",
        mend=f"name the package: --pkg-name {next(iter(found))}",
    )


def flow_path_for(flow_subpath: str, *, package: Package) -> Path:
    """The file of a flow, whether it exists or not."""
    return find_places(package).flow(flow_subpath)


def config_path_for(flow_subpath: str, tag: str = DEFAULT_TAG, *, package: Package) -> Path:
    """The YAML of one run of a flow, whether it exists or not."""
    return find_places(package).config(flow_subpath, tag)


def run_id_path_for(config_path: Path) -> Path:
    """The file of the run id beside a YAML; the suffix of the YAML may be missing.

    `flow_v1.2` is a whole name: only a YAML's suffix is replaced.
    """
    stem = config_path.name
    for suffix in (*YAML_SUFFIXES, RUN_ID_SUFFIX):
        stem = stem.removesuffix(suffix)
    return config_path.with_name(stem + RUN_ID_SUFFIX)


def require_flow(places: PipelinePlaces, flow_subpath: str) -> Path:
    """The file of a flow. Raises FlowConfigError if it does not exist."""
    path = places.flow(flow_subpath)
    if path.is_file():
        return path
    known = find_flows(places)
    near = nearest_name(flow_subpath, known)
    raise FlowConfigError(
        f"there is no flow {flow_subpath}",
        why=f"{path} does not exist",
        mend=f"did you mean {near}?" if near else f"write the flow to {path}",
    )


def find_flows(places: PipelinePlaces) -> list[str]:
    """The subpaths of all flow files of a package."""
    folder = places.package / PIPELINES
    return sorted(
        path.relative_to(folder).with_suffix("").as_posix()
        for path in folder.rglob("*.py")
        if path.name != "__init__.py"
    )


def find_configs(places: PipelinePlaces) -> list[tuple[str, str]]:
    """The flow and the tag of each YAML whose flow exists, sorted.

    Flows and tags may both hold `_`: the longest flow whose file exists counts.
    """
    found = []
    for path in places.configs.rglob("*.yaml") if places.configs.is_dir() else ():
        folder = path.parent.relative_to(places.configs)
        words = path.name.removesuffix(".yaml").split("_")
        for cut in range(len(words) - 1, 0, -1):
            flow = (folder / "_".join(words[:cut])).as_posix()
            tag = "_".join(words[cut:])
            if _is_name(flow) and _PART.fullmatch(tag) and places.flow(flow).is_file():
                found.append((flow, tag))
                break
    return sorted(found)


def check_subpath(flow_subpath: str) -> str:
    """The subpath of a flow, without `.py`. Raises FlowConfigError unless it is a path below."""
    subpath = flow_subpath.removesuffix(".py")
    if _is_name(subpath):
        return subpath
    raise FlowConfigError(
        f"{flow_subpath!r} is no flow",
        why="a flow is named by its path below pipeline/: letters, digits, _ - . and /, no ..",
        mend="write it as example/example_flow",
    )


def check_tag_name(tag: str) -> str:
    """The tag of a config. Raises FlowConfigError unless it can be part of a file's name."""
    if _PART.fullmatch(tag):
        return tag
    raise FlowConfigError(
        f"{tag!r} is no tag of a config",
        why="it is part of a file's name: letters, digits, _ - and .",
        mend="write it as dev or v1.2",
    )


def _is_name(subpath: str) -> bool:
    return all(_PART.fullmatch(part) for part in subpath.split("/"))


def _folder_of_module(module: ModuleType) -> Path:
    for place in getattr(module, "__path__", ()):
        return Path(place).resolve()
    raise FlowConfigError(
        f"{module.__name__} is no package",
        why="a package is a folder, which holds pipeline/ and config/pipeline/",
        mend="give the package itself",
    )
