"""Where synced modules lie below a root: paths only, nothing is touched here.

flow_modules/__init__.py  .gitignore  flow.mod
             <user>/__init__.py
             <user>/<repo>/                   one module, with its FLOW_MODULE_ID
             .stage-<user>.<repo>             one that is being fetched; the next sync deletes it
             .old-<user>.<repo>               one whose place is being taken, on old file systems
.hugflow-state/locks/flows.lock               held by the one sync at work
               flows/replaced/<user>.<repo>/  local changes that were replaced; the last ones
"""

import os
from pathlib import Path

from hugflow.flows.module_files import INIT_FILE
from hugflow.flows.names import PACKAGE, ModuleId
from hugflow.late_dataclass import dataclass

STAGE_PREFIX = ".stage-"
OLD_PREFIX = ".old-"
STATE_FOLDER = ".hugflow-state"


@dataclass(frozen=True, slots=True)
class FlowPlaces:
    """Every path of one root's flow modules; the root is absolute."""

    root: Path

    @property
    def modules(self) -> Path:
        """The package of all modules."""
        return self.root / PACKAGE

    @property
    def package_file(self) -> Path:
        """The file that makes it a package."""
        return self.modules / INIT_FILE

    @property
    def ignore_file(self) -> Path:
        """What keeps synced modules out of git."""
        return self.modules / ".gitignore"

    @property
    def lock_file(self) -> Path:
        """Which modules are synced, at which commits."""
        return self.modules / "flow.mod"

    def module(self, module: ModuleId) -> Path:
        """The folder of one module."""
        return self.modules / module.path

    def user_file(self, module: ModuleId) -> Path:
        """The file that makes a user's folder a package."""
        return self.module(module).parent / INIT_FILE

    def stage(self, module: ModuleId) -> Path:
        """Where a module is fetched to."""
        return self.modules / f"{STAGE_PREFIX}{_key(module)}"

    def old(self, module: ModuleId) -> Path:
        """Where the replaced module lies between two renames."""
        return self.modules / f"{OLD_PREFIX}{_key(module)}"

    def path_of_old(self, old: Path) -> Path:
        """The folder of the module that lies at `old(module)`."""
        user, _, repo = old.name.removeprefix(OLD_PREFIX).partition(".")
        return self.modules / user / repo

    def replaced(self, module: ModuleId) -> Path:
        """Where local changes are kept that were replaced."""
        return self.root / STATE_FOLDER / "flows" / "replaced" / _key(module)

    def relative(self, folder: Path) -> str:
        """How a local folder is written down: relative to the root, as a local revision is."""
        relative = os.path.relpath(folder, self.root.resolve())
        return relative if relative.startswith("../") else f"./{relative}"

    @property
    def sync_lock(self) -> Path:
        """Held by the one sync at work."""
        return self.root / STATE_FOLDER / "locks" / "flows.lock"


def _key(module: ModuleId) -> str:
    return f"{module.user_package}.{module.repo_package}"
