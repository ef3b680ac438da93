"""Loading the class of a flow: the only place, apart from a person's own import, that runs its code."""

import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType

from hugflow.errors import FlowModuleNotFound
from hugflow.flows.alias import install, make_importable
from hugflow.flows.config import find_class_names
from hugflow.flows.flow import Flow, find_flow_class
from hugflow.flows.flow_verse import refuse_fetching
from hugflow.flows.names import PACKAGE, ModuleId
from hugflow.flows.places import FlowPlaces
from hugflow.flows.records import Synced, read_lock
from hugflow.flows.trust import Trust, check_trust, refuse_replaced
from hugflow.late_dataclass import dataclass

# What this process loaded, as it was then, by the folder of the module.
_loaded: dict[Path, Synced] = {}


@dataclass(frozen=True, slots=True)
class LoadedFlow:
    """A flow's class, with the modules whose code it consists of; none for a project's own code."""

    flow_class: type[Flow]
    closure: dict[ModuleId, Synced]


def load_flow(dotted: str, places: FlowPlaces, trust: Trust, cache: Path) -> LoadedFlow:
    """Import the class `package.module.Class`, which for synced modules must be trusted.

    So must the modules of the subflows that its defaults name; they are not imported.

    cache: a folder of the caller's own for compiled files; those that lie beside the sources are not
    covered by any digest, and are not used. From here on this process fetches no modules.

    Raises UntrustedFlowModule before a line of a synced module has run, whoever imports it, and for
    one that was synced again since this process loaded it; FlowModuleNotFound for one that is not
    synced, and FlowConfigInvalid for what is no flow.
    """
    sys.pycache_prefix = str(cache)
    refuse_fetching()
    closure: dict[ModuleId, Synced] = {}
    if dotted.startswith(f"{PACKAGE}."):
        closure = check_trust(places, [find_module(dotted, places)], trust)
        _refuse_mixing(places, closure)
    # `flow_modules` installs it, too, and would put it before the guard.
    install()
    make_importable(places.root, ())
    _guard_imports(places, trust, closure)
    flow_class = find_flow_class(dotted, dotted)
    return LoadedFlow(flow_class, {**closure, **check_subflows(flow_class, places, trust)})


def _guard_imports(places: FlowPlaces, trust: Trust, closure: Mapping[ModuleId, Synced]) -> None:
    """From here on, let this process import only synced modules that may run."""
    sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, _TrustedImports)]
    sys.meta_path.insert(0, _TrustedImports(places, trust, closure))


class _TrustedImports(MetaPathFinder):
    """Refuses a module that may not run, also where code that may run imports it unasked."""

    def __init__(
        self, places: FlowPlaces, trust: Trust, closure: Mapping[ModuleId, Synced]
    ) -> None:
        """closure: modules that were looked at already."""
        self._places, self._trust = places, trust
        self._checked = {module.package for module in closure}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> None:
        """Find nothing; raises UntrustedFlowModule."""
        if fullname.count(".") != 2 or not fullname.startswith(f"{PACKAGE}."):
            return
        if fullname in self._checked:
            return
        try:
            module = find_module(fullname, self._places)
        except FlowModuleNotFound:
            if self._places.root.joinpath(*fullname.split(".")).exists():
                raise
            # Python says that there is none.
            return
        checked = check_trust(self._places, [module], self._trust)
        self._checked |= {each.package for each in checked}


def check_subflows(
    flow_class: type[Flow], places: FlowPlaces, trust: Trust
) -> dict[ModuleId, Synced]:
    """The synced modules that the defaults of a class name for its subflows, with what they need.

    Nothing is imported. Raises UntrustedFlowModule and FlowModuleNotFound.
    """
    names = find_class_names(flow_class.default_config())
    synced = [name for name in names if name.startswith(f"{PACKAGE}.")]
    return (
        check_trust(places, [find_module(name, places) for name in synced], trust) if synced else {}
    )


def _refuse_mixing(places: FlowPlaces, closure: Mapping[ModuleId, Synced]) -> None:
    """Raise UntrustedFlowModule for a module whose code of another commit is imported."""
    for module, synced in closure.items():
        folder = places.module(module)
        if folder in _loaded and module.package in sys.modules:
            refuse_replaced(places, [_loaded[folder]])
        _loaded[folder] = synced


def find_module(dotted: str, places: FlowPlaces) -> ModuleId:
    """The module that a dotted path below `flow_modules` belongs to."""
    package = ".".join(dotted.split(".")[:3])
    for module in read_lock(places.lock_file):
        if module.package == package:
            return module
    raise FlowModuleNotFound(
        f"{package} is not synced",
        why=f"{places.lock_file} does not name it",
        mend="run `hugflow flows sync USER/REPO`",
    )
