"""Why a file is not YAML, in words for people who have never read about YAML.

The parser says where it stopped, and why, in its own words. That line mostly shows the mistake: an
open quote, an indented line, a colon in a text. Only names of fields and single signs of the file
are repeated.
"""

import re

import yaml

from hugflow.late_dataclass import dataclass
from hugflow.show_key import HIDDEN, show_key

EXAMPLE = 'hf_id: "owner/name"'

_FIELD = re.compile(r"\s*[\"']?([A-Za-z_]+)[\"']?\s*:(?:\s|$)")
# An unclosed quote or bracket swallows the lines below it: the mistake is where it begins.
_BEGUN_ABOVE = re.compile("end of stream|simple key|flow (?:sequence|mapping)")
_NESTED = (
    "a request is a few fields with plain values",
    "use fewer levels: write each value as text",
)
_CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SyntaxFault:
    """Where the file stops being YAML (from 1), in which field, and the three parts of an error."""

    line: int
    column: int
    field: str | None
    what: str
    why: str
    mend: str


@dataclass(frozen=True, slots=True)
class _Scene:
    """The parser's complaint, the sign at which it stopped, its line, and the line above."""

    complaint: str
    sign: str
    line: str
    above: str
    field: str | None

    @property
    def example(self) -> str:
        return f'{self.field}: "..."' if self.field else EXAMPLE

    @property
    def is_moved(self) -> bool:
        """Whether the line begins in another column than the fields above it."""
        return bool(self.above) and _indent(self.line) != _indent(self.above)


def find_conflict(text: str) -> SyntaxFault | None:
    """The first mark of a merge conflict, if there is one."""
    found = _CONFLICT.search(text)
    if found is None:
        return None
    return SyntaxFault(
        text.count("\n", 0, found.start()) + 1,
        1,
        None,
        "holds the marks of a merge conflict",
        "git could not join two versions of the file, and left both in it",
        "keep one version, and delete the lines that begin with <<<<<<<, ======= and >>>>>>>",
    )


def find_fault(text: str, error: yaml.MarkedYAMLError) -> SyntaxFault:
    """Explain the parser's error; the line is where the mistake was made, as far as known."""
    complaint = " ".join(part for part in (error.context, error.problem) if part)
    mark = error.problem_mark or error.context_mark
    if error.context_mark is not None and _BEGUN_ABOVE.search(complaint):
        mark = error.context_mark
    lines = text.splitlines() or [""]
    row, column = (mark.line, mark.column) if mark is not None else (0, 0)
    row = min(row, len(lines) - 1)
    line = lines[row]
    above = next((before for before in reversed(lines[:row]) if before.strip()), "")
    scene = _Scene(complaint, line[column : column + 1], line, above, _field_of(line))
    if "nesting depth" in complaint:
        # libyaml has a depth limit of its own, and stops before we count levels.
        what = "is nested far deeper than any request"
        return SyntaxFault(row + 1, column + 1, scene.field, what, *_NESTED)
    what, why, mend = _explain(scene)
    return SyntaxFault(row + 1, column + 1, scene.field, f"is not YAML: {what}", why, mend)


def _explain(scene: _Scene) -> tuple[str, str, str]:
    """What, why and the fix, for the first known mistake that fits."""
    complaint, line = scene.complaint, scene.line
    if "end of stream" in complaint and "quoted" in complaint:
        return (
            "a quote is opened and never closed",
            "so everything after it is read as one long text",
            f"close it at the end of the same line: {scene.example}",
        )
    if "\t" in line[: len(line) - len(line.lstrip())] or scene.sign == "\t":
        return (
            "there is a tab where only spaces are allowed",
            "editors show tabs in different widths, so YAML allows none before a field",
            f"delete the tab, so that the field begins the line: {scene.example}",
        )
    if "escape character" in complaint:
        return (
            "there is a backslash in double quotes",
            "in double quotes it begins a special character, and YAML does not know this one",
            "use single quotes: description: 'C:\\data', or write the backslash twice",
        )
    if "cannot start any token" in complaint and scene.sign:
        return (
            f"a value begins with {scene.sign}",
            "YAML reserves that sign at the beginning of a value",
            f"put the value in quotes: {scene.example}",
        )
    if scene.is_moved and ("mapping values" in complaint or "expected" in complaint):
        return (
            "the line does not begin in the same column as the fields above it",
            "indentation tells YAML what belongs together; here the line becomes part of another",
            f"begin every field at the left edge, without a space before it: {scene.example}",
        )
    if "mapping values" in complaint:
        return (
            "the line has a second colon followed by a space",
            "YAML reads the text before it as the name of a field",
            f"put the value in quotes: {scene.example}",
        )
    if line.count('"') > 1 or line.count("'") > 1:
        return (
            "there is text after a closing quote",
            "a quote within quotes ends the text, or one of an earlier line was left open",
            'put a text that holds " in single quotes: description: \'they say "yes"\'',
        )
    if re.search(r"[\[\]{}]", line):
        return (
            "a bracket or brace is left open, or a comma is missing",
            "YAML reads [ and { as the beginning of a list or a mapping",
            f"a request needs neither: {scene.example}",
        )
    return (
        "the line is not a field with a value",
        'every line of a request reads "field: value", with a space after the colon',
        f"write it as {scene.example}, or delete it",
    )


def _field_of(line: str) -> str | None:
    found = _FIELD.match(line)
    name = show_key(found[1]) if found else HIDDEN
    return None if name == HIDDEN else name


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
