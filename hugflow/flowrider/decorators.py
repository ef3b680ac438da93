"""Decorators for steps and asset functions: packages that only they need.

    from hugflow.flowrider.decorators import install_reqs, pip

    @install_reqs                                 a flow's class, or a step
    class ExampleFlow(FlowSpec):
        @pip(libraries={"cowsay": "6.1"})         None: any version; "6.1" means "==6.1"
        @step
        def start(self):
            import cowsay

The packages are there while the step runs, and are removed from the path afterwards. Import them in
the step, not at the top of the file.
"""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar, overload

from hugflow.flowrider.overlay import overlaid, to_requirements
from hugflow.flowrider.requirements import find_missing

__all__ = ["install_reqs", "pip", "son_of_a_batch"]

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])
Target = TypeVar("Target", bound=Callable[..., Any])


def pip(
    libraries: Mapping[str, str | None], *, pip_args: Sequence[str] = ()
) -> Callable[[AnyFunction], AnyFunction]:
    """Install these packages for each call of a step or function.

    libraries: constraint by name. pip_args: as for `pip install`.

    Raises OverlayFailed for what is no requirement; the call raises it if pip fails, or if one of
    the packages is already imported in another version.
    """
    requirements, arguments = to_requirements(libraries), tuple(pip_args)

    def decorate(function: AnyFunction) -> AnyFunction:
        return _within(function, lambda: overlaid(requirements, arguments))

    return decorate


@overload
def install_reqs(target: Target) -> Target: ...
@overload
def install_reqs() -> Callable[[Target], Target]: ...
def install_reqs(target: Any = None) -> Any:
    """Install what `requirements.txt` of the project names, where and while the step runs.

    target: a step, a function, or a flow's class: then all its steps. What is installed already is
    left as it is. The package itself is in the bundle of the run.
    """
    if target is None:
        return install_reqs
    if not inspect.isclass(target):
        return _within(target, _requirements)
    names = [name for name in dir(target) if getattr(getattr(target, name), "is_step", False)]
    if not names:
        raise TypeError(f"{target.__name__} has no steps: decorate a flow's class, or a step")
    for name in names:
        setattr(target, name, _within(getattr(target, name), _requirements))
    if hasattr(target, "_init_graph"):
        # Metaflow has looked at the steps when the class was made.
        target._init_graph()
    return target


# The name that the document of flowrider uses.
son_of_a_batch = install_reqs


@contextmanager
def _requirements() -> Iterator[None]:
    missing, options = find_missing()
    if not missing and not options:
        yield
        return
    with overlaid(missing, options):
        yield


def _within(
    function: AnyFunction, opened: Callable[[], AbstractContextManager[None]]
) -> AnyFunction:
    """The function, called within a context; a generator is, until it ends."""
    if not inspect.isroutine(function):
        raise TypeError(
            f"{function!r} is no function: put this decorator below @asset, or around a step"
        )
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generate(*args: Any, **kwargs: Any) -> Any:
            with opened():
                yield from function(*args, **kwargs)

        return generate  # type: ignore[return-value]  # it has the function's signature

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with opened():
            return function(*args, **kwargs)

    return call  # type: ignore[return-value]  # it has the function's signature
