"""Cards of people as telephones and mail programs write them: vCard 2.1 (with its own way of going on in the next line), 3.0, 4.0, xCard
(RFC 6351) and jCard (RFC 7095), one or many in a document.

Read leniently, as what real programs write is seldom what the standards say: what is not understood is left out, and a card is refused only
where nothing of it can be read. Pure; bounded in the size of the document, the number of cards and the length of each.
"""

from __future__ import annotations

import hashlib
import json
import quopri
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from xml.etree import ElementTree

LARGEST = 1 << 20
MOST_CARDS = 200
_MOST_PROPERTIES = 500
_LONGEST = 4000
_BEGIN, _END = (
    re.compile(r"BEGIN[ \t]*:[ \t]*VCARD", re.IGNORECASE),
    re.compile(r"END[ \t]*:[ \t]*VCARD", re.IGNORECASE),
)
_ENCODINGS = frozenset({"QUOTED-PRINTABLE", "BASE64", "B", "8BIT", "7BIT"})
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NOT_VOICES = frozenset({"PAGER", "BBS", "MODEM", "TEXTPHONE"})
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BIRTH = re.compile(r"(\d{4}|--)-?(\d{2})-?(\d{2})(?:T.*)?")


class VcardErrorReason(StrEnum):
    """Why nothing of a document was read."""

    UNREADABLE = "CARDS_UNREADABLE"
    TOO_LARGE = "CARDS_TOO_LARGE"
    FORBIDDEN = "CARDS_FORBIDDEN"


class VcardError(ValueError):
    """A document holds no card that can be read; the message repeats nothing of it."""

    def __init__(self, reason: VcardErrorReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Property(NamedTuple):
    """A property in one shape for all forms: its name, the words of its types in capitals, and its parts."""

    name: str
    types: frozenset[str]
    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        """The value as one text."""
        return " ".join(part for part in self.parts if part).strip()


@dataclass(frozen=True, slots=True)
class Card:
    """What a card says. `key` is its UID, or a digest of what it says where it has none; `birth` is (year, month, day), year 0 where only
    the day is told; `lines`, `city` and so on are of its first address."""

    number: int
    key: str
    full_name: str
    given_name: str
    family_name: str
    organisation: str
    title: str
    phones: tuple[str, ...]
    faxes: tuple[str, ...]
    emails: tuple[str, ...]
    note: str
    birth: tuple[int, int, int] | None
    lines: tuple[str, ...]
    city: str
    province: str
    postal_code: str
    country: str


def read(document: bytes) -> list[Card]:
    """Returns the cards of a document, in their order; of none that says nothing. Raises VcardError."""
    if len(document) > LARGEST:
        raise VcardError(VcardErrorReason.TOO_LARGE, f"The document is larger than {LARGEST} bytes.")
    text = _decoded(document)
    start = text.lstrip()[:1]
    try:
        found = list(_jcards(text) if start == "[" else _xcards(text) if start == "<" else _vcards(text))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, ElementTree.ParseError) as error:
        if isinstance(error, VcardError):
            raise
        raise VcardError(VcardErrorReason.UNREADABLE, "The document cannot be read as cards.") from None
    if len(found) > MOST_CARDS:
        raise VcardError(VcardErrorReason.TOO_LARGE, f"The document holds more than {MOST_CARDS} cards.")
    cards = [_card(number, properties) for number, properties in enumerate(found, 1)]
    if not cards:
        raise VcardError(VcardErrorReason.UNREADABLE, "The document holds no card.")
    return cards


def _decoded(document: bytes) -> str:
    if document[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return document.decode("utf-16", errors="replace")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return document.decode(encoding)
        except UnicodeDecodeError:
            continue
    return document.decode("latin-1")


def _vcards(text: str) -> Iterator[list[Property]]:
    properties: list[Property] | None = None
    for line in _lines(text):
        if _BEGIN.fullmatch(line.strip()):
            properties = []
        elif properties is not None and _END.fullmatch(line.strip()):
            yield properties
            properties = None
        elif properties is not None and len(properties) < _MOST_PROPERTIES and (found := _property(line)) is not None:
            properties.append(found)


def _lines(text: str) -> Iterator[str]:
    """Unfolds: a line that begins with a blank goes on from the one before, one in quoted-printable with `=` at its end in the next."""
    held: list[str] = []
    soft = False
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if held and soft:
            held[-1] = held[-1][:-1]
            held.append(line.removeprefix(" "))
        elif held and line[:1] in (" ", "\t"):
            held.append(line[1:])
        else:
            if held:
                yield "".join(held)
            held = [line]
        soft = held[-1].endswith("=") and "QUOTED-PRINTABLE" in held[0].partition(":")[0].upper()
    if held:
        yield "".join(held)


def _property(line: str) -> Property | None:
    head, value = _cut(line)
    name, *parameters = _split(head, ";")
    name = name.rpartition(".")[2].strip().upper()
    if not name or name in ("PHOTO", "LOGO", "SOUND", "KEY", "AGENT"):
        return None
    types: set[str] = set()
    encoding, charset = "", "utf-8"
    for parameter in parameters:
        key, given, said = parameter.partition("=")
        key, said = key.strip().upper(), said.strip().strip('"')
        if not given and key in _ENCODINGS:
            encoding = key
        elif not given or key == "TYPE":
            types.update(word.strip().upper() for word in (said if given else key).split(","))
        elif key == "ENCODING":
            encoding = said.upper()
        elif key == "CHARSET":
            charset = said
    if encoding == "QUOTED-PRINTABLE":
        value = _characters(quopri.decodestring(value.encode("utf-8", errors="surrogatepass")), charset)
    elif encoding in ("B", "BASE64"):
        return None
    parts = tuple(_plain(part) for part in _split(value, ";")[:20]) if name in ("N", "ADR", "ORG") else (_plain(value),)
    return Property(name, frozenset(types), parts)


def _cut(line: str) -> tuple[str, str]:
    """Cuts a line at its first colon outside quotation marks."""
    quoted = False
    for place, character in enumerate(line):
        if character == '"':
            quoted = not quoted
        elif character == ":" and not quoted:
            return line[:place], line[place + 1 :]
    return line, ""


def _split(text: str, separator: str) -> list[str]:
    """Splits at a separator that stands neither behind a backslash nor in quotation marks."""
    parts, begin, quoted, escaped = [], 0, False, False
    for place, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            parts.append(text[begin:place])
            begin = place + 1
    return [*parts, text[begin:]]


def _plain(text: str) -> str:
    unescaped = _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], text)
    return _CONTROL.sub("", unescaped).strip()[:_LONGEST]


def _characters(data: bytes, charset: str) -> str:
    for encoding in (charset, "utf-8", "gb18030"):
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("latin-1")


def _jcards(text: str) -> Iterator[list[Property]]:
    whole = json.loads(text)
    for one in [whole] if whole and whole[0] == "vcard" else whole:
        if one[0] != "vcard":
            raise ValueError
        yield [
            Property(str(name).upper(), _words(more.get("type", ())), _flat(values))
            for name, more, _, *values in one[1][:_MOST_PROPERTIES]
        ]


def _words(given: object) -> frozenset[str]:
    said = given if isinstance(given, list) else [given] if isinstance(given, str) else []
    return frozenset(str(word).upper() for word in said)


def _flat(values: list[object]) -> tuple[str, ...]:
    inner = values[0] if len(values) == 1 and isinstance(values[0], list) else values
    return tuple(
        _plain(" ".join(map(str, part)) if isinstance(part, list) else str(part)).strip() for part in inner[:20]
    )


def _xcards(text: str) -> Iterator[list[Property]]:
    if "<!" in text.replace("<!--", ""):  # no card needs a document type, and entities are how such documents attack
        raise VcardError(VcardErrorReason.FORBIDDEN, "The document declares a type or entities.")
    for card in ElementTree.fromstring(text).iter():  # noqa: S314 - without a document type nothing expands
        if _local(card) != "vcard":
            continue
        properties = []
        for one in list(card)[:_MOST_PROPERTIES]:
            types = [item.text or "" for group in one if _local(group) == "parameters" for item in group.iter()]
            values = [_plain(item.text or "") for item in one if _local(item) != "parameters"]
            properties.append(Property(_local(one).upper(), _words([word.strip() for word in types]), tuple(values)))
        yield properties


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _card(number: int, properties: list[Property]) -> Card:
    first: dict[str, Property] = {}
    for one in properties:
        if one.text:
            first.setdefault(one.name, one)
    named = first["N"].parts if "N" in first else ()
    family, given = (*named, "", "")[:2]
    if named and "FN" not in first and not (family or given):
        family = first["N"].text
    box, extended, street, city, province, postal, country = (
        (first["ADR"].parts if "ADR" in first else ()) + ("",) * 7
    )[:7]
    said = json.dumps([(one.name, one.parts) for one in properties if one.name != "REV"], ensure_ascii=False)
    digest = hashlib.sha256(said.encode("utf-8", errors="replace")).hexdigest()
    return Card(
        number=number,
        key=first["UID"].text[:200] if "UID" in first else f"digest:{digest}",
        full_name=_short(first, "FN") or _short(first, "NICKNAME") if not (family or given) else "",
        given_name=given[:100],
        family_name=family[:100],
        organisation=first["ORG"].parts[0][:200] if "ORG" in first else "",
        title=_short(first, "TITLE") or _short(first, "ROLE"),
        phones=_values(properties, "TEL", lambda types: "FAX" not in types and not types & _NOT_VOICES),
        faxes=_values(properties, "TEL", lambda types: "FAX" in types),
        emails=_values(properties, "EMAIL", lambda types: "X400" not in types),
        note=first["NOTE"].text if "NOTE" in first else "",
        birth=_birth(first["BDAY"].text) if "BDAY" in first else None,
        lines=tuple(line.strip()[:200] for line in (box, extended, street) if line.strip()),
        city=city[:100],
        province=province[:100],
        postal_code=postal[:20],
        country=country[:100],
    )


def _short(first: dict[str, Property], name: str) -> str:
    return " ".join(first[name].text.split())[:200] if name in first else ""


def _values(properties: list[Property], name: str, wanted: Callable[[frozenset[str]], bool]) -> tuple[str, ...]:
    found = [
        one.text.removeprefix("tel:").removeprefix("mailto:")[:200]
        for one in properties
        if one.name == name and one.text and wanted(one.types)
    ]
    return tuple(dict.fromkeys(found))[:20]


def _birth(text: str) -> tuple[int, int, int] | None:
    found = _BIRTH.fullmatch(text)
    if found is None:
        return None
    year = 0 if found[1] == "--" else int(found[1])
    month, day = int(found[2]), int(found[3])
    return (year, month, day) if 1 <= month <= 12 and 1 <= day <= 31 else None
