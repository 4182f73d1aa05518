"""The text of HTML, for the part of a mail that every reader can show; and HTML with other links. Pure, and nothing is executed."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from html.parser import HTMLParser

_BREAKS = frozenset(
    {"p", "div", "br", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "li", "table", "ul", "ol", "blockquote"}
)
_SILENT = frozenset({"style", "script", "head", "title"})


def text_of(html: str) -> str:
    """Returns what HTML says: blocks on lines of their own, `- ` before points, links with their address after them."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = [" ".join(line.split()) for line in "".join(reader.parts).splitlines()]
    kept = [line for place, line in enumerate(lines) if line or (place and lines[place - 1])]
    return "\n".join(kept).strip() + "\n" if any(kept) else ""


def relink(html: str, link: Callable[[str], str]) -> str:
    """Returns HTML in which every http link of an `a` or `area` is what `link` makes of it; all else stays as it is written."""
    finder = _Finder()
    finder.feed(html)
    finder.close()
    starts = [0]
    for line in html.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    parts, at = [], 0
    for (line_number, column), tag, attrs, length in finder.found:
        place = starts[line_number - 1] + column
        words = [_attribute(name, value, link) for name, value in attrs]
        parts += [html[at:place], f"<{tag} {' '.join(words)}>"]
        at = place + length
    return "".join([*parts, html[at:]])


def is_web(url: str) -> bool:
    """Tells whether something is an address of the web, which can be followed."""
    return url.lower().startswith(("http://", "https://"))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0
        self._links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _SILENT
        if tag in _BREAKS:
            self.parts.append("\n")
        if tag == "li":
            self.parts.append("- ")
        if tag == "a":
            self._links.append(dict(attrs).get("href") or "")
        if tag == "img" and not self._silent and (said := dict(attrs).get("alt")):
            self.parts.append(said)

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in _SILENT and self._silent > 0
        if tag == "a" and self._links and is_web(address := self._links.pop()):
            self.parts.append(f" ({address})")
        if tag in _BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data.replace("\n", " ").replace("\r", " "))


class _Finder(HTMLParser):
    """Finds the tags whose links are followed: where they stand, and how long they are in the source."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[tuple[tuple[int, int], str, list[tuple[str, str | None]], int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("a", "area") and any(name == "href" and value and is_web(value.strip()) for name, value in attrs):
            self.found.append((self.getpos(), tag, attrs, len(self.get_starttag_text() or "")))


def _attribute(name: str, value: str | None, link: Callable[[str], str]) -> str:
    if value is None:
        return name
    followed = name == "href" and is_web(value.strip())
    return f'{name}="{escape(link(value.strip()) if followed else value)}"'
