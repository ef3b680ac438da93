"""Whether a requirement is met by this Python."""

import pytest

from hugflow.installed import is_installed


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pytest", True),
        ("pytest>=7", True),
        ("pytest<1", False),
        ("no-such-package", False),
        ("no-such-package; python_version < '3'", True),
        ("-r other.txt", False),
    ],
)
def test_a_requirement_is_met_or_not(line: str, expected: bool):
    assert is_installed(line) is expected
