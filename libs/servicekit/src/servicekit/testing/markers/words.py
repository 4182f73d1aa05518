"""What is planted, and how it is found again: as it is, in other case, escaped, in pinyin, in base64 or hex, or a phone's last digits."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from pypinyin import lazy_pinyin

LATIN, HAN, DIGITS = "Zqvxkwj", "龘靐齉爩", "1397714"
_LETTERS = "bcdfghklmnpqrstvwxyz"
_ENOUGH = 8  # characters of base64 that chance does not bring


@dataclass
class Markers:
    """What was planted, and where."""

    planted: dict[str, str] = field(default_factory=dict)

    def text(self, where: str) -> str:
        """A Latin and a Han word, the same number in both."""
        tail = self._next(where)
        return f"{LATIN}{tail} {HAN}{tail}"

    def word(self, where: str) -> str:
        """A Latin word, for where nothing else is taken."""
        return f"{LATIN}{self._next(where)}"

    def email(self, where: str) -> str:
        """An address."""
        return f"{LATIN}.{self._next(where)}@example.com"

    def phone(self, where: str) -> str:
        """A mobile phone, as a person writes it."""
        number = f"{len(self.planted):04d}"
        self.planted[number] = where
        return f"+86 {DIGITS[:3]} {DIGITS[3:]} {number}"

    def _next(self, where: str) -> str:
        number, tail = len(self.planted), ""
        for _ in range(4):
            number, rest = divmod(number, len(_LETTERS))
            tail += _LETTERS[rest]
        self.planted[tail] = where
        return tail


def _aligned(stem: bytes) -> Iterator[bytes]:
    """The stable middle of a word's base64, at each of the three places it may begin."""
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + stem)
        first, last = -(-before * 4 // 3), (before + len(stem)) * 8 // 6
        found = coded[first:last]
        if len(found) >= _ENOUGH:
            yield found
            yield found.translate(bytes.maketrans(b"+/", b"-_"))


def _pinyin(text: str) -> str:
    """As it is romanised for searching."""
    return r"\W?".join(lazy_pinyin(text))


def _forms() -> Iterator[tuple[str, str]]:
    yield "latin", f"(?i:{LATIN})[.]?([a-z]*)"
    yield "latin, percent-encoded", "".join(f"%{ord(letter):02x}" for letter in LATIN)
    for coding in ("utf-8", "gb18030", "utf-16-le", "utf-16-be"):
        yield f"Han, {coding}", re.escape(HAN.encode(coding).decode("latin-1")) + "([a-z]{0,4})"
        yield f"Han, {coding} in hex", HAN.encode(coding).hex()
    yield "Han, JSON-escaped", "(?i:" + re.escape("".join(f"\\u{ord(letter):04x}" for letter in HAN)) + ")"
    yield "Han, percent-encoded", "(?i:" + re.escape(quote(HAN)) + ")"
    yield "pinyin", f"(?i:{_pinyin(HAN)})"
    yield "phone", rf"{DIGITS[:3]}[^0-9A-Za-z]{{0,3}}{DIGITS[3:]}[^0-9A-Za-z]{{0,3}}([0-9]{{4}})"
    yield "phone's last digits", rf"(?<![0-9a-fA-F]){DIGITS[3:]}([0-9]{{4}})(?![0-9a-fA-F])"
    yield "latin in hex", f"(?i:{LATIN.encode().hex()})"
    for stem in (LATIN.encode(), LATIN.lower().encode(), HAN.encode(), f"86{DIGITS}".encode()):
        for coded in _aligned(stem):
            yield "base64", re.escape(coded.decode())


FORMS = [(name, re.compile(pattern.encode("latin-1"))) for name, pattern in _forms()]


def found_in(source: str, content: bytes, markers: Markers) -> list[str]:
    """Returns what of the planted stands in some bytes: source, form, where it was planted, and what stands around it."""
    found = []
    for form, pattern in FORMS:
        for match in pattern.finditer(content):
            tail = next((part.decode("latin-1").lower() for part in match.groups() if part), "")
            where = markers.planted.get(tail) or next(
                (place for known, place in markers.planted.items() if tail and tail.startswith(known)), "?"
            )
            if where == "?" and form.startswith("phone"):
                continue  # digits that nobody planted
            around = content[max(0, match.start() - 120) : match.end() + 60]
            found.append(f"{source}: {form}, planted at {where}: {around!r}")
    return found


def unique(findings: Iterable[str], limit: int = 40) -> list[str]:
    """The first findings, one for each source, form and place."""
    seen: dict[str, str] = {}
    for finding in findings:
        seen.setdefault(finding.partition(": b")[0], finding)
    return list(seen.values())[:limit]
