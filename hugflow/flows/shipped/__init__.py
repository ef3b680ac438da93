"""Three flows over rows of speech data, which are a module repository as they lie here.

Unlike other packages of ours it names what is in it, as a module's `__init__.py` does, so that
`from flow_modules.<user>.<repo> import NormaliseText` works.
"""

from .CheckScript import CheckScript
from .FilterDuration import FilterDuration
from .NormaliseText import NormaliseText

__all__ = ["CheckScript", "FilterDuration", "NormaliseText"]
