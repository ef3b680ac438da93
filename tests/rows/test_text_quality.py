"""The script of a text."""

import pytest

from hugflow.rows.text_quality import find_script


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Seven paper boats.", "Latin"),
        ("Привет, world", "Cyrillic"),
        ("مرحبا", "Arabic"),
        ("你好", "Han"),
        ("こんにちは", "Hiragana"),
        ("नमस्ते", "Devanagari"),
        ("12 - 30!", None),
        ("", None),
    ],
)
def test_the_script_is_that_of_most_letters(text: str, script: str | None):
    assert find_script(text) == script
