"""Workbooks to rows: every digit is kept, and what is ambiguous is an error with its cell."""

import io
import json
import zipfile
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hugflow.hierarchy.readers import packed, table
from hugflow.hierarchy.readers.cells import WorkbookInvalid
from hugflow.hierarchy.readers.csv_files import read_csv_files
from hugflow.hierarchy.readers.json_file import check_json, read_json_workbook, yaml_to_json
from hugflow.hierarchy.readers.ods import read_ods
from hugflow.hierarchy.readers.xlsx import read_xlsx
from tests.hierarchy.readers.books import write_ods, write_xlsx

BOTH = pytest.mark.parametrize(
    ("read", "write"), [(read_xlsx, write_xlsx), (read_ods, write_ods)], ids=["xlsx", "ods"]
)


@BOTH
def test_cells_become_texts_that_keep_every_digit(read, write):
    cells = ["007", 42, 3.5, 4e-10, 123456789012345.5, 2.0, True, "é", None, 123456789012345]
    texts = [
        "007",
        "42",
        "3.5",
        "4e-10",
        "123456789012345.5",
        "2",
        "TRUE",
        "é",
        "",
        "123456789012345",
    ]
    names = [f"c{index}" for index in range(len(cells))]
    rows = read(write({"a": [names, cells]}), "book")["a"]
    assert rows == [dict(zip(names, texts, strict=True))]


@BOTH
def test_dates_moments_and_times_have_one_form(read, write):
    row = [
        date(2024, 1, 31),
        datetime.fromisoformat("2024-01-31T13:05"),
        time(3, 4, 5),
        timedelta(hours=27, seconds=5),
    ]
    rows = read(write({"a": [["d", "m", "t", "long"], row]}), "book")["a"]
    assert list(rows[0].values()) == ["2024-01-31", "2024-01-31T13:05:00", "03:04:05", "27:00:05"]


# openpyxl writes a text that begins with = as a formula, and one with # as an error.
TEXTS = (
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=8)
    .map(lambda text: " ".join(text.split()))
    .filter(lambda text: not text.startswith(("=", "#")))
)
CELLS = st.one_of(
    st.none(),
    TEXTS,
    st.booleans(),
    st.integers(-(10**15), 10**15),
    # openpyxl writes sixteen digits of a number.
    st.floats(-1e300, 1e300).map(lambda number: float(f"{number:.15g}")),
    st.dates(date(1901, 1, 1), date(2200, 1, 1)),
)


@settings(deadline=None, max_examples=40)
@given(grid=st.lists(st.lists(CELLS, max_size=4), max_size=4))
def test_xlsx_and_ods_of_one_sheet_give_the_same_rows_or_an_error(grid):
    sheets = {"a": [["w", "x", "y", "z"], *grid]}
    assert read_xlsx(write_xlsx(sheets), "book") == read_ods(write_ods(sheets), "book")


@BOTH
def test_sheets_keep_their_order_and_empty_rows_go(read, write):
    sheets = {"z": [["a"], [None], [1], ["  "], [2]], "b": [["a"]]}
    assert read(write(sheets), "book") == {"z": [{"a": "1"}, {"a": "2"}], "b": []}
    assert list(read(write(sheets), "book")) == ["z", "b"]


@BOTH
@pytest.mark.parametrize(
    ("grid", "place", "what"),
    [
        ([["a", None, "c"], [1, 2, 3]], "cell B1", "no name"),
        ([["a"], [1], [1, 5]], "cell B1", "no name"),
        ([["a", "b", "a"]], "cell C1", "twice"),
        ([["a", True]], "cell B1", "no text"),
        ([["a", date(2024, 1, 1)]], "cell B1", "no text"),
        ([["a"], [1], ["#N/A"]], "cell A3", "#N/A"),
        ([["a"], [date(1900, 1, 5)]], "cell A2", "ambiguous"),
        ([], "sheet 's'", "empty"),
    ],
)
def test_what_would_lose_or_change_data_is_an_error_with_workbook_sheet_and_cell(
    read, write, grid, place, what
):
    with pytest.raises(WorkbookInvalid) as caught:
        read(write({"fine": [["a"]], "s": grid}), "book")
    assert "book, sheet 's'" in caught.value.what
    assert place in caught.value.what
    assert what in caught.value.what


def test_all_seventeen_digits_of_a_number_are_kept():
    book = _replace_in(write_xlsx({"s": [["a"], [4711]]}), b"<v>4711", b"<v>0.30000000000000004")
    assert read_xlsx(book, "book") == {"s": [{"a": "0.30000000000000004"}]}
    assert read_ods(write_ods({"s": [["a"], [0.1 + 0.2]]}), "book") == read_xlsx(book, "book")


def test_a_failed_formula_of_excel_is_an_error_not_zero():
    book = _replace_in(write_xlsx({"s": [["a"], [4711]]}), b' t="n"><v>4711', b' t="e"><v>#DIV/0!')
    with pytest.raises(WorkbookInvalid, match=r"cell A2.*#DIV/0!"):
        read_xlsx(book, "book")


def test_a_failed_formula_of_libreoffice_is_an_error_not_zero():
    old = b'office:value="4711"'
    new = b'table:formula="of:=NA()" office:value="0"'
    book = _replace_in(write_ods({"s": [["a"], [4711]]}), old, new, b">4711<", b">#N/A<")
    with pytest.raises(WorkbookInvalid, match=r"cell A2.*#N/A"):
        read_ods(book, "book")


def test_a_formula_that_was_never_calculated_is_an_error_not_an_empty_cell():
    with pytest.raises(WorkbookInvalid, match="cell B2: the formula has no result"):
        read_xlsx(write_xlsx({"s": [["a", "b"], [1, "=A2+1"]]}), "book")


def test_a_million_repeated_empty_rows_cost_nothing():
    row = b"<table:table-row>"
    padding = b'<table:table-row table:number-rows-repeated="1048000"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
    book = write_ods({"s": [["a"], [1]]})
    end = _replace_in(book, b"</table:table>", padding + b"</table:table>")
    assert read_ods(end, "book") == {"s": [{"a": "1"}]}
    between = _replace_in(
        book, b"</table:table-row>" + row, b"</table:table-row>" + padding * 4 + row
    )
    with pytest.raises(WorkbookInvalid, match="too large"):
        read_ods(between, "book")


CALC = """<table:table table:name="s"><table:table-column table:number-columns-repeated="16384"/>
<table:table-header-rows><table:table-row>
<table:table-cell office:value-type="string" calcext:value-type="string"><text:p>name</text:p>
</table:table-cell><table:table-cell office:value-type="string"><text:p>a<text:s text:c="2"/>b
<text:span>c</text:span></text:p></table:table-cell>
<table:table-cell table:number-columns-repeated="16382"/></table:table-row>
</table:table-header-rows>
<table:table-row table:number-rows-repeated="2"><table:table-cell office:value-type="percentage"
 office:value="0.05"><office:annotation><text:p>a note</text:p></office:annotation><text:p>5%</text:p>
</table:table-cell><table:table-cell office:value-type="string"><text:p>one</text:p><text:p>two</text:p>
</table:table-cell></table:table-row>
<table:table-row><table:table-cell table:number-columns-repeated="2" office:value-type="float"
 office:value="4E-10"><text:p>0.00</text:p></table:table-cell></table:table-row>
<table:table-row table:number-rows-repeated="1048572"><table:table-cell
 table:number-columns-repeated="16384"/></table:table-row></table:table>"""


def test_an_ods_as_libreoffice_writes_it_is_read_by_values_not_by_what_it_shows():
    calc = b' xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
    book = write_ods({"s": [["a"]]})

    def change(data: bytes) -> bytes:
        start, end = data.index(b"<table:table "), data.index(b"</table:table>")
        data = data[:start] + CALC.encode() + data[end + len(b"</table:table>") :]
        return data.replace(b" office:version", calc + b" office:version", 1)

    assert read_ods(_with_member(book, "content.xml", change), "book") == {
        "s": [
            *[{"name": "0.05", "a  b c": "one\ntwo"}] * 2,
            {"name": "4e-10", "a  b c": "4e-10"},
        ]
    }


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (b'<text:s text:c="2000000000"/>', "too large"),
        (b'<text:s text:c="60000"/>' * 2, "too large"),
        (b'<text:s text:c="many"/>', "damaged"),
        (b"<text:span>" * 3_000 + b"</text:span>" * 3_000, "damaged"),
    ],
    ids=["one", "sum", "word", "deep"],
)
def test_an_ods_whose_text_grows_without_bound_is_refused(text: bytes, match: str):
    book = _replace_in(write_ods({"s": [["name"], ["Ada"]]}), b">Ada<", b">" + text + b"<")
    with pytest.raises(WorkbookInvalid, match=match):
        read_ods(book, "book")


@BOTH
def test_entities_and_oversized_workbooks_are_refused(read, write, monkeypatch):
    book = write({"s": [["a"], [1]]})
    part = "content.xml" if read is read_ods else "xl/worksheets/sheet1.xml"
    bomb = b'<!DOCTYPE a [<!ENTITY b "bbbb">]>'
    with pytest.raises(WorkbookInvalid, match="document type"):
        read(
            _with_member(
                book,
                part,
                lambda data: (
                    bomb + data[data.index(b"<", 5) :] if data.startswith(b"<?xml") else bomb + data
                ),
            ),
            "book",
        )
    with pytest.raises(WorkbookInvalid, match="no workbook"):
        read(book[:200], "book")
    monkeypatch.setattr(packed, "MAX_UNPACKED_BYTES", 500)
    with pytest.raises(WorkbookInvalid, match="too large"):
        read(book, "book")


def test_a_sheet_has_a_largest_number_of_cells(monkeypatch):
    monkeypatch.setattr(table, "MAX_CELLS", 3)
    with pytest.raises(WorkbookInvalid, match="more than 3 cells"):
        read_xlsx(write_xlsx({"s": [["a"], [1], [2], [3]]}), "book")


def test_csv_files_are_sheets_of_texts():
    files = {"b.csv": b'\xef\xbb\xbfa,b\n007,\n,\n"x\ny",1.0\n', "a.csv": b"n\r\n4e-10\r\n"}
    assert read_csv_files(files, "book") == {
        "a": [{"n": "4e-10"}],
        "b": [{"a": "007", "b": ""}, {"a": "x\ny", "b": "1.0"}],
    }
    with pytest.raises(WorkbookInvalid, match="sheet 'x': line 2 is not UTF-8"):
        read_csv_files({"x.csv": b"a\n\xff\n"}, "book")


def test_a_json_workbook_is_what_pull_writes():
    book = {"meta": {}, "sheets": {"s": [{"a": "007", "b": 4e-10}, {"b": None}]}}
    rows = read_json_workbook(json.dumps(book).encode(), "book")
    assert rows == {"s": [{"a": "007", "b": "4e-10"}]}
    with pytest.raises(WorkbookInvalid, match="no workbook"):
        read_json_workbook(b"[]", "book")


def test_json_keeps_its_own_digits_and_yaml_its_order():
    assert check_json(b'\xef\xbb\xbf{"a": 1.10, "b": 12345678901234567890.5}', "x") == (
        b'{"a": 1.10, "b": 12345678901234567890.5}\n'
    )
    assert json.loads(yaml_to_json(b"z: 1\na: [x, 2024-01-01]\n", "x")) == {
        "z": 1,
        "a": ["x", "2024-01-01"],
    }
    for wrong in (b'{"a": 1, "a": 2}', b"{", b'{"a": NaN}', b"[" * 200_000, b"\xff"):
        with pytest.raises(WorkbookInvalid):
            check_json(wrong, "x.json")


def _replace_in(book: bytes, *changes: bytes) -> bytes:
    """The workbook with a text of its sheets replaced, which must occur."""

    def change(data: bytes) -> bytes:
        for old, new in zip(changes[::2], changes[1::2], strict=True):
            assert old in data, data
            data = data.replace(old, new, 1)
        return data

    with zipfile.ZipFile(io.BytesIO(book)) as file:
        part = "content.xml" if "content.xml" in file.namelist() else "xl/worksheets/sheet1.xml"
    return _with_member(book, part, change)


def _with_member(book: bytes, part: str, change) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, change(data) if name == part else data)
    return made.getvalue()
