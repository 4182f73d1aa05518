"""Tokens and a tree out of text that is nearly XML, in time that grows with its length only.

A tag that nobody closed, that was closed twice, or in the wrong order, breaks nothing: it is noted, and reading goes on.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from tradekit.adf.problems import Problems

DEEPEST = 30
# What was read is never read otherwise (possessive), and a tag ends before the next `<` at the latest: no text makes this slow.
_TOKEN = re.compile(
    r"""<!--.*?(?:-->|\Z)|<!\[CDATA\[(?P<cdata>.*?)(?:\]\]>|\Z)|<\?.*?(?:\?>|>|\Z)|<![^<>]*+(?:>|\Z)"""
    r"""|<(?P<close>/)?\s{0,5}(?P<name>[A-Za-z_][\w:.\-]{0,60})(?P<rest>(?:[^<>"']++|"[^"<]*+"|'[^'<]*+'|["'])*+)>|(?P<text>[^<]++)|<""",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"""([A-Za-z_][\w:.\-]{0,60})\s{0,5}=\s{0,5}(?:"([^"]*)"|'([^']*)'|“([^”]*)”|([^\s"'“”>/]+))""")
# Elements of text alone: where another begins inside of one, its end was forgotten.
LEAVES = frozenset((
    "requestdate", "year", "make", "model", "vin", "stock", "trim", "doors", "bodystyle", "transmission", "odometer",
    "condition", "interiorcolor", "exteriorcolor", "preference", "imagetag", "price", "pricecomments", "optionname",
    "manufacturercode", "weighting", "method", "amount", "balance", "comments", "description", "earliestdate",
    "latestdate", "name", "email", "phone", "street", "apartment", "city", "regioncode", "postalcode", "country",
    "vendorname", "url", "service", "id", "leadtype",
))  # fmt: skip
# Elements that stand in a prospect and nowhere below.
_TOPS = frozenset(("vehicle", "customer", "vendor", "provider"))


class Kind(Enum):
    """What a token is."""

    OPEN = 1
    CLOSE = 2
    EMPTY = 3
    TEXT = 4


class Token(NamedTuple):
    """A tag or a piece of text, and where it stands. Names are in lower case, without a prefix."""

    kind: Kind
    name: str
    value: str
    start: int
    end: int


@dataclass(slots=True)
class Element:
    """An element with its attributes (names and values in lower case), its own text, and its children in order."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    children: list[Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its own text, spaces made single."""
        return " ".join(" ".join(self.texts).split())

    def all(self, name: str) -> list[Element]:
        """Its children of a name."""
        return [child for child in self.children if child.name == name]

    def first(self, name: str) -> Element | None:
        """Its first child of a name."""
        return next((child for child in self.children if child.name == name), None)


def tokens(text: str) -> Iterator[Token]:
    """Yields the tags and texts of a document; comments, instructions and document types are passed over."""
    for match in _TOKEN.finditer(text):
        if (name := match["name"]) is not None:
            short = name.rpartition(":")[2].lower()
            kind = Kind.CLOSE if match["close"] else Kind.EMPTY if match["rest"].rstrip().endswith("/") else Kind.OPEN
            yield Token(kind, short, match["rest"], *match.span())
        elif match["cdata"] is not None:
            yield Token(Kind.TEXT, "", match["cdata"], *match.span())
        elif match["text"] is not None:
            yield Token(Kind.TEXT, "", html.unescape(match["text"]), *match.span())
        elif match[0] == "<":
            yield Token(Kind.TEXT, "", "<", *match.span())


def tree(found: Sequence[Token], problems: Problems) -> Element:
    """Returns the element that the first token opens, with all that follows in it."""
    root = _element(found[0])
    path = [root]
    for token in found[1:]:
        if token.kind is Kind.TEXT:
            path[-1].texts.append(token.value)
        elif token.kind is Kind.CLOSE:
            _close(path, token.name, problems)
        else:
            _open(path, token, problems)
    if len(path) > 1:
        problems.add(_where(path), "MALFORMED", "The element is not closed.")
    return root


def _element(token: Token) -> Element:
    made = Element(token.name)
    for match in _ATTRIBUTE.finditer(token.value):
        value = next(part for part in match.groups()[1:] if part is not None)
        made.attributes.setdefault(match[1].rpartition(":")[2].lower(), html.unescape(value).strip())
    return made


def _open(path: list[Element], token: Token, problems: Problems) -> None:
    if path[-1].name in LEAVES and len(path) > 1:
        problems.add(_where(path), "MALFORMED", "The element is not closed.")
        path.pop()
    if token.name in _TOPS and len(path) > 1:
        problems.add(_where(path), "MALFORMED", "The element is not closed.")
        del path[1:]
    made = _element(token)
    if len(path) >= DEEPEST:
        problems.add(_where(path), "MALFORMED", "Elements are nested too deeply.")
        return
    path[-1].children.append(made)
    if token.kind is Kind.OPEN:
        path.append(made)


def _close(path: list[Element], name: str, problems: Problems) -> None:
    depth = next((index for index in range(len(path) - 1, 0, -1) if path[index].name == name), None)
    if depth is None:
        if name != path[0].name:
            problems.add(f"{_where(path)}/{name}", "MALFORMED", "An element is closed that was not open.")
        return
    if depth < len(path) - 1:
        problems.add(_where(path), "MALFORMED", "The element is not closed.")
    del path[depth:]


def _where(path: Sequence[Element]) -> str:
    return "/".join(element.name for element in path[1:]) or path[0].name
