"""A comment as GitHub's own parser of Markdown reads it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

import cmarkgfm
from cmarkgfm.cmark import Options


@dataclass
class Rendered(HTMLParser):
    """What is seen of a comment: tags and text outside of code, and what stands in each code."""

    layout: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    _is_in_code: bool = False

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not self._is_in_code, f"<{tag}> within code"
        self.layout.append(f"<{tag} {dict(attrs)}>")
        if tag == "code":
            self._is_in_code = True
            self.codes.append("")

    def handle_endtag(self, tag: str) -> None:
        self._is_in_code = self._is_in_code and tag != "code"
        self.layout.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self._is_in_code:
            self.codes[-1] += data
        else:
            self.layout.append(data)

    def handle_comment(self, data: str) -> None:
        self.layout.append(f"<!--{data}-->")

    @property
    def text(self) -> str:
        """What stands outside of code."""
        return "".join(part for part in self.layout if not part.startswith("<"))


def render(markdown: str) -> Rendered:
    """Read a comment; raw HTML is kept, as GitHub keeps what it knows of it."""
    options = Options.CMARK_OPT_UNSAFE
    html = cmarkgfm.github_flavored_markdown_to_html(markdown, options=options)
    rendered = Rendered()
    rendered.feed(html)
    rendered.close()
    return rendered
