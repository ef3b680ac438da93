"""What there is to choose from, as words: the nearest name first, and a line to paste."""

import pytest

from hugflow.clients.choices import MOST_NAMED, advise, name_choices, nearest_first, set_field

LANGUAGES = ["en", "ms", "zh-CN", "ms-arab"]


def test_the_nearest_name_comes_first_and_the_others_keep_their_order():
    assert nearest_first("zh", LANGUAGES)[0] == "zh-CN"
    assert nearest_first("MS", LANGUAGES)[:2] == ["ms", "ms-arab"]
    assert nearest_first(None, LANGUAGES) == LANGUAGES
    assert nearest_first("q", ["a", "b", "c"]) == ["a", "b", "c"]


def test_many_names_are_counted_and_not_listed():
    assert name_choices(None, ["a", "b"]) == "'a', 'b'"
    assert name_choices(None, []) == "none"
    words = name_choices("s7", [f"s{number}" for number in range(100)])
    assert words.startswith("'s7', ")
    assert words.endswith(f" and {100 - MOST_NAMED} more")


@pytest.mark.parametrize(
    ("wanted", "names", "advice"),
    [
        ("mss", LANGUAGES, 'set subset: "ms"'),
        ("qqq", ["en"], 'set subset: "en"'),
        ("qqq", LANGUAGES, 'set subset to the one you mean, for example subset: "en"'),
        (None, LANGUAGES, 'set subset to the one you mean, for example subset: "en"'),
        ("ms", [], "choose another revision: here is no subset at all"),
    ],
)
def test_the_advice_is_a_line_to_paste(wanted: str | None, names: list[str], advice: str):
    assert advise("subset", wanted, names) == advice


def test_a_name_is_quoted_so_that_yaml_reads_it_back():
    assert set_field("subset", 'a "b" \\ é') == 'set subset: "a \\"b\\" \\\\ é"'
