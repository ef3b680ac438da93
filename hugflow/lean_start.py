"""A quicker start of our own commands. pandas is kept out only where no other people's code runs."""

import atexit
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

# pydantic looks for plugins in all that is installed, and OpenBLAS starts threads that spin for a
# while; we use neither. Of the values that mean so, ones that nobody writes.
_OURS: Final = {"PYDANTIC_DISABLE_PLUGINS": "true", "OPENBLAS_NUM_THREADS": "01"}
_USUAL: Final = gc.get_threshold()
# More objects than all imports together leave behind.
_WHILE_IMPORTING: Final = 1_000_000


def keep_pandas_out() -> None:
    """Let pyarrow find no pandas in this process, unless it is imported already.

    pyarrow imports it with the first array, to see whether it is given one of pandas': that takes
    as long as all other imports together. `datasets`, where it is imported after all, gets pandas.
    """
    if "pandas" not in sys.modules and not any(isinstance(each, _Out) for each in sys.meta_path):
        sys.meta_path.insert(0, _Out())


def keep_extras_out() -> None:
    """Let pydantic find no plugins and OpenBLAS start no threads, unless the environment sets them."""
    for name, value in _OURS.items():
        os.environ.setdefault(name, value)


def with_extras(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that runs other people's code: as this one was started."""
    return {name: value for name, value in environment.items() if _OURS.get(name) != value}


def collect_later() -> None:
    """Let the garbage collector wait until `collect_now`.

    Imports make objects that stay: looking through them again and again takes a tenth of a start.
    """
    gc.set_threshold(_WHILE_IMPORTING, *_USUAL[1:])


def collect_now() -> None:
    """Begin work: collect garbage as usual, and look no more through what the imports made."""
    if gc.get_threshold()[0] == _WHILE_IMPORTING:
        gc.freeze()
        gc.set_threshold(*_USUAL)


class QuickEnd:
    """Ends this process, once it is given a `code`, without taking its objects apart one by one.

    Made before anything that registers itself with `atexit`, so that it comes after all of it; threads
    have ended by then. What cannot be written to stdout or stderr is an error, as it is otherwise.
    """

    def __init__(self) -> None:
        """Without a code, the process ends as others do."""
        self.code: int | None = None
        atexit.register(self._end)

    def _end(self) -> None:
        if self.code is None:
            return
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError):
            # Python says so, and how it ends then.
            return
        os._exit(self.code)


class Late:
    """A module that is imported when something of it is first used.

    if TYPE_CHECKING:
        import soundfile
    else:
        soundfile = Late("soundfile")

    For a native library that many modules name and few commands use. Safe to use from any number
    of threads, unlike `importlib.util.LazyLoader` of Python 3.11.
    """

    def __init__(self, name: str, of: str | None = None) -> None:
        """name: of the module, whole. of: the name of an object in it, in the module's place."""
        self._name, self._of = name, of

    def __getattr__(self, attribute: str) -> object:
        whole: object = import_module(self._name)
        found: object = getattr(whole if self._of is None else getattr(whole, self._of), attribute)
        return found


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
