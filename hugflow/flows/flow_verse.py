"""`flow_verse.sync_dependencies`: modules from the Hub, as packages below `flow_modules`.

from hugflow.flows import flow_verse

flow_verse.sync_dependencies([{"url": "saibo/ChatFlows", "revision": "main"}])
from flow_modules.saibo.ChatFlows import ChatGPT4
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hugflow.errors import FlowModuleNotFound
from hugflow.flows.alias import make_importable
from hugflow.flows.asking import Asker, Confirm
from hugflow.flows.dependencies import Dependency, parse_dependencies
from hugflow.flows.names import PACKAGE, ModuleId
from hugflow.flows.places import FlowPlaces
from hugflow.flows.records import read_lock
from hugflow.flows.sync import find_missing, sync_modules

__all__ = ["sync_dependencies"]

_may_fetch = True


def sync_dependencies(
    dependencies: Sequence[Mapping[str, object]],
    all_overwrite: bool = False,
    *,
    root: str | Path | None = None,
    endpoint: str | None = None,
    token: str | None = None,
    cache_dir: str | Path | None = None,
    confirm: Confirm | None = None,
) -> list[Path]:
    """Sync modules, and the modules that they need; gives the folders of all that are synced.

    dependencies: `{"url": "user/repo", "revision": "main", "overwrite": False}` each; a revision
    that begins with `/`, `./`, `../` or `~` is a folder, which is linked.
    all_overwrite: discard all local changes. root: where `flow_modules/` is; else FLOW_ROOT, else the
    working directory. endpoint, token: of the Hub; else HF_ENDPOINT and HF_TOKEN. cache_dir: taken
    for the seed's sake; nothing is cached. confirm: is asked instead of a person at the terminal.

    No code of a module is run. Called while a synced module is imported, it does nothing where the
    dependencies are there.
    """
    del cache_dir
    caller = _find_calling_module()
    wanted = parse_dependencies(dependencies, overwrite=all_overwrite and caller is None)
    places = FlowPlaces(_find_root(root, caller))
    if caller is not None:
        missing = find_missing(places, wanted)
        if not missing:
            return [places.module(module) for module in sorted(read_lock(places.lock_file))]
        if not _may_fetch:
            raise _not_synced(caller, missing)
        wanted = parse_dependencies(dependencies, asked_by=_find_id(places, caller))
    # Not for whoever has all in place: this brings in the Hub's client.
    from hugflow.clients.hub import Hub
    from hugflow.flows.hub_source import HubSource

    source = HubSource(Hub(endpoint, token))
    done = sync_modules(wanted, places, source, Asker(confirm=confirm))
    make_importable(places.root, [module.package for module in done.changed])
    return list(done.folders)


def find_root(root: str | Path | None, otherwise: Path) -> Path:
    """Where `flow_modules/` is: `root`, else FLOW_ROOT, else `otherwise`."""
    # A script has no settings of ours, so the environment is read here.
    return Path(root or os.environ.get("FLOW_ROOT") or otherwise).expanduser().resolve()


def refuse_fetching() -> None:
    """From here on a module whose dependencies are missing is an error: nothing is fetched."""
    global _may_fetch
    _may_fetch = False


def _find_calling_module() -> str | None:
    """The synced module whose code calls us, as `flow_modules.user.repo`; None for others'."""
    frame = sys._getframe(2)
    name = str(frame.f_globals.get("__name__", ""))
    return ".".join(name.split(".")[:3]) if name.startswith(f"{PACKAGE}.") else None


def _find_root(root: str | Path | None, caller: str | None) -> Path:
    if caller is not None:
        package = sys.modules[PACKAGE]
        return Path(next(iter(package.__path__))).resolve().parent
    return find_root(root, Path.cwd())


def _find_id(places: FlowPlaces, caller: str) -> ModuleId | None:
    entries = read_lock(places.lock_file)
    return next((module for module in entries if module.package == caller), None)


def _not_synced(caller: str, missing: Sequence[Dependency]) -> FlowModuleNotFound:
    return FlowModuleNotFound(
        f"{caller} needs {missing[0]}, which is not synced",
        why="nothing is fetched while a flow runs",
        mend="run `hugflow flows sync` first",
    )
