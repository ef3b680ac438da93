"""A quicker start of our own commands. Never called where other people's code runs."""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


def keep_pandas_out() -> None:
    """Let pyarrow find no pandas in this process, unless it is imported already.

    pyarrow imports it with the first array, to see whether it is given one of pandas': that takes
    as long as all other imports together. `datasets`, where it is imported after all, gets pandas.
    """
    if "pandas" not in sys.modules and not any(isinstance(each, _Out) for each in sys.meta_path):
        sys.meta_path.insert(0, _Out())


class _Out(MetaPathFinder, Loader):
    """Finds a pandas that cannot be imported, until `datasets` is imported."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "datasets":
            sys.meta_path.remove(self)
        return ModuleSpec(fullname, self) if fullname == "pandas" else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        raise ImportError("pandas is kept out, for a quicker start", name=spec.name)

    def exec_module(self, module: ModuleType) -> None:
        raise AssertionError("it was not created")
