"""Exports that are one file of JSON Lines, an object for each clip."""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from hugflow.exports.export import Export, ExportFile, ExportSource, Foreseen, Size
from hugflow.late_dataclass import dataclass

if TYPE_CHECKING:
    from hugflow.exports.rows import ExportRow

ToLine: TypeAlias = "Callable[[ExportSource, ExportRow], bytes]"


@dataclass(frozen=True, slots=True)
class _ClipLines:
    """The file. own_row_bytes: of a line beside the values of the dataset's columns."""

    path: str
    to_line: ToLine
    own_row_bytes: int

    def render(self, source: ExportSource) -> Iterator[ExportFile]:
        """The file; none of a text-only dataset."""
        if source.plan.audio_column is not None:
            yield ExportFile(self.path, self._lines(source))

    def foresee(self, foreseen: Foreseen) -> Size:
        """Its size."""
        if foreseen.plan.audio_column is None:
            return Size(files=0)
        row_bytes = foreseen.row_bytes + self.own_row_bytes
        return Size(files=1, bytes=round(row_bytes * foreseen.rows))

    def _lines(self, source: ExportSource) -> Iterator[bytes]:
        return (self.to_line(source, row) for row in source.rows())


def clip_lines(
    name: str,
    path: str,
    to_line: ToLine,
    *,
    own_row_bytes: int,
    version: int = 1,
    is_beside_clips: bool = False,
) -> Export:
    """An export on demand whose file `path` has a line for each clip."""
    lines = _ClipLines(path, to_line, own_row_bytes)
    return Export(
        name=name,
        names=re.compile(re.escape(path)),
        foresee=lines.foresee,
        render=lines.render,
        is_chosen=True,
        version=version,
        is_beside_clips=is_beside_clips,
    )
