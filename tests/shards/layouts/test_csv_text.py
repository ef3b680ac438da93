"""What csv text means: quotation marks that enclose a field or not, and names of columns."""

from pathlib import Path

import pytest

from hugflow.shards.layouts.tables import TableUnreadable, read_table

OPENED = ('a.wav{}"I will come he said', "b.wav{}and then he went on", 'c.wav{}until the end."')


def read(folder: Path, name: str, text: str) -> list[list[str]]:
    path = folder / name
    path.write_text(text, newline="")
    table = read_table(path, name)
    return [table.column_names, *(list(row.values()) for row in table.to_pylist())]


@pytest.mark.parametrize(("name", "sign"), [("t.tsv", "\t"), ("t.csv", "|"), ("t.csv", ",")])
@pytest.mark.parametrize("before", [0, 300])
def test_a_sentence_that_opens_a_quotation_and_a_later_one_that_closes_it_stay_two_rows(
    tmp_path: Path, name: str, sign: str, before: int
):
    plain = [f"{at}.wav{{}}words" for at in range(before)]
    lines = [each.format(sign) for each in ["path{}text", *plain, *OPENED, "d.wav{}Plain words"]]
    rows = read(tmp_path, name, "\n".join(lines) + "\n")
    assert rows == [line.split(sign) for line in lines]


def test_a_quotation_that_is_never_closed_is_a_sentence_where_all_lines_are_even(tmp_path: Path):
    lines = ["path\ttext", *(f"{at}.wav\twords" for at in range(300)), 'x.wav\t"and', "y.wav\tso"]
    assert read(tmp_path, "t.tsv", "\n".join(lines)) == [line.split("\t") for line in lines]


@pytest.mark.parametrize(
    "text",
    [
        'a.wav,"one, two\nthree"\nb.wav,four\n',
        'a.wav,"Hello\nyes, friend"\nb.wav,four\n',
        'a.wav,"He said ""Hello\nyes"",so"\nb.wav,four\n',
        'a.wav,"one\r\ntwo"\r\nb.wav,"three,four"\r\n',
    ],
)
def test_a_quoted_field_of_several_lines_stays_one_field(tmp_path: Path, text: str):
    rows = read(tmp_path, "t.csv", f"path,text\n{text}")
    assert [row[0] for row in rows] == ["path", "a.wav", "b.wav"]
    assert "\n" in rows[1][1]


def test_where_all_fields_are_quoted_a_field_of_several_lines_stays_one_field(tmp_path: Path):
    rows = read(tmp_path, "t.csv", '"path","text"\n"a.wav","one\ntwo,three"\n"b.wav","four"\n')
    assert rows[1:] == [["a.wav", "one\ntwo,three"], ["b.wav", "four"]]


def test_an_index_without_a_name_is_called_as_pandas_calls_it(tmp_path: Path):
    found = read(tmp_path, "metadata.csv", ",file_name,text\n0,a.wav,one\n1,b.wav,two\n")
    assert found == [
        ["Unnamed: 0", "file_name", "text"],
        ["0", "a.wav", "one"],
        ["1", "b.wav", "two"],
    ]


def test_two_columns_of_one_name_are_an_error(tmp_path: Path):
    with pytest.raises(TableUnreadable, match="same name"):
        read(tmp_path, "t.csv", "path,text,text\na.wav,one,two\n")


def test_an_error_of_quotation_names_its_line_where_the_lines_are_uneven(tmp_path: Path):
    lines = ["path,text", *(f"{at}.wav,words" for at in range(300)), 'x.wav,"a" b,c']
    with pytest.raises(TableUnreadable, match="line 302"):
        read(tmp_path, "t.csv", "\n".join(lines))
