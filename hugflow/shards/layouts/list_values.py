"""Lists in the rows of a batch, of which each value becomes a row of its own.

segments: [{start, end, text}, ...]          the list `segments`
json: {segments: [{start, end, text}, ...]}  the list `json.segments`
start: [...], end: [...], text: [...]        three lists, which belong together
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from hugflow.late_dataclass import dataclass
from hugflow.lean_start import Late
from hugflow.shards.arrow import is_list
from hugflow.shards.column_path import take_field

if TYPE_CHECKING:
    import pyarrow.compute as pc
else:
    pc = Late("pyarrow.compute")


@dataclass(frozen=True, slots=True)
class FieldPlace:
    """Where the values of a name with dots are.

    fields: inside the structs of the column, down to the value or to a list.
    inner: inside the structs of that list; list: the name of that list, None without one.
    """

    column: str
    fields: tuple[str, ...]
    list: str | None = None
    inner: tuple[str, ...] = ()


def locate(schema: pa.Schema, name: str) -> FieldPlace | None:
    """Where the values of a name are; None if there is no such column."""
    parts = name.split(".")
    ends = (end for end in range(len(parts), 0, -1) if ".".join(parts[:end]) in schema.names)
    end = next(ends, None)
    if end is None:
        return None
    column, fields = ".".join(parts[:end]), parts[end:]
    type_ = schema.field(column).type
    for at in range(len(fields) + 1):
        if is_list(type_):
            path = ".".join((column, *fields[:at]))
            return FieldPlace(column, tuple(fields[:at]), path, tuple(fields[at:]))
        if at < len(fields):
            found = type_.get_field_index(fields[at]) if pa.types.is_struct(type_) else -1
            if found < 0:
                break
            type_ = type_.field(found).type
    return FieldPlace(column, tuple(fields))


def value_type(type_: pa.DataType, fields: Sequence[str]) -> pa.DataType:
    """The type of a column with the values of a list in the place of the list."""
    if not fields:
        return type_.value_type
    return pa.struct(
        [
            pa.field(each.name, value_type(each.type, fields[1:]))
            if each.name == fields[0]
            else each
            for each in type_
        ]
    )


@dataclass(frozen=True, slots=True)
class RowLists:
    """The lists of a batch.

    lengths: how many values each row has; None if its lists differ in length.
    """

    batch: pa.RecordBatch
    lengths: Sequence[int | None]
    _places: dict[str, FieldPlace]
    _offsets: dict[str, list[int]]
    _values: dict[str, pa.Array]

    @classmethod
    def of(cls, batch: pa.RecordBatch, lists: Sequence[str]) -> "RowLists":
        """The lists with these names; raises ValueError if there is no such list."""
        places, offsets, values = {}, {}, {}
        each: list[list[int]] = []
        for name in lists:
            place = locate(batch.schema, name)
            if place is None or place.list != name:
                raise ValueError(f"{name!r} is no column of lists")
            array = take_field(batch.column(place.column), place.fields)
            lengths = pc.fill_null(pc.list_value_length(array), 0).to_pylist()
            each.append(lengths)
            starts = [0]
            for length in lengths:
                starts.append(starts[-1] + length)
            places[name], offsets[name], values[name] = place, starts, array.flatten()
        counts = [row[0] if len({*row}) == 1 else None for row in zip(*each, strict=True)]
        return cls(batch, counts or [1] * batch.num_rows, places, offsets, values)

    def column(self, name: str, row: int, taken: Sequence[int]) -> pa.Array:
        """A column of some values of one row; what is in no list is repeated.

        taken: the places of the values. Of a row whose lists differ in length, values are null.
        """
        own = [place for place in self._places.values() if place.column == name]
        column = self.batch.column(name)
        for place in own:
            # The lists are taken out first, so that they are not repeated for each value.
            column = _put(column, place.fields, pa.nulls(len(column)))
        repeated = column.take(pa.array([row] * len(taken), pa.int64()))
        for place in own:
            repeated = _put(repeated, place.fields, self._taken(place, row, taken))
        return repeated

    def values(self, place: FieldPlace, row: int) -> list[Any]:
        """All values of a name in one row; one value if it is in no list."""
        if place.list is None:
            array = self.batch.column(place.column)[row : row + 1]
            fields = place.fields
        else:
            starts = self._offsets[place.list]
            array = self._values[place.list].slice(starts[row], starts[row + 1] - starts[row])
            fields = place.inner
        found: list[Any] = array.to_pylist()
        for field in fields:
            found = [each.get(field) if isinstance(each, dict) else None for each in found]
        return found

    def _taken(self, place: FieldPlace, row: int, taken: Sequence[int]) -> pa.Array:
        name = place.list or ""
        start, is_odd = self._offsets[name][row], self.lengths[row] is None
        picked = [None if is_odd else start + each for each in taken]
        return self._values[name].take(pa.array(picked, pa.int64()))


def _put(column: pa.Array, fields: Sequence[str], new: pa.Array) -> pa.Array:
    """A column with another field inside its structs."""
    if not fields:
        return new
    names = [field.name for field in column.type]
    children = column.flatten()
    at = names.index(fields[0])
    children[at] = _put(children[at], fields[1:], new)
    return pa.StructArray.from_arrays(children, names, mask=column.is_null())
