"""Names of people in Han and Latin script: parts, display order, and the keys they are found by."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from tradekit import han

_SPACES = re.compile(r"\s+")
# Unified ideographs only: they have no case, no accents, and are their own NFKC form.
_PLAIN_HAN = re.compile(r"[一-鿿]+")
# The same between printable ASCII characters: nothing to fold but spaces.
_PLAIN_TEXT = re.compile(r"[ -~一-鿿]*")
_ASCII_LETTER = re.compile(r"[A-Za-z]")
_WORDS = re.compile(r"[^\W_]+")
_MIDDLE_DOTS = re.compile(r"\s*[·•・‧∙]\s*")
# Lower-case words that belong to the family name after them: van der Berg, de la Cruz, von Braun.
_PARTICLES = frozenset((
    "van", "von", "der", "den", "de", "da", "di", "du", "del", "della", "la", "le", "dos", "das", "do", "al", "el",
    "bin", "binti", "ibn", "ter", "ten", "zu", "zur",
))  # fmt: skip
# Letters that Unicode does not decompose, as people type them without their keyboard.
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i", "ħ": "h"}
)

_APOSTROPHES = str.maketrans("", "", "'’‘`´ʼ")


class Script(StrEnum):
    """What a name is written in."""

    HAN = "HAN"
    LATIN = "LATIN"
    MIXED = "MIXED"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name with its parts as written. `full` is the name in the display order of its script; a part may be empty."""

    given: str
    family: str
    full: str
    script: Script


class NameKeys(NamedTuple):
    """What a name is found by; all simplified, lower case, without accents.

    `plain`: the whole name. `words`: its Latin words. `pinyin`: each reading of a Han name run together, family name
    first. `syllables`: the readings' syllables. `initials`: first letters of each reading. `bigrams`: neighbouring
    Han characters.
    """

    plain: str
    words: tuple[str, ...] = ()
    pinyin: tuple[str, ...] = ()
    syllables: tuple[str, ...] = ()
    initials: tuple[str, ...] = ()
    bigrams: tuple[str, ...] = ()
    family: str = ""

    @property
    def all(self) -> tuple[str, ...]:
        """Every key once: what an exact look-up or a blocking rule compares."""
        return tuple(dict.fromkeys((self.plain, *self.words, *self.pinyin, *self.initials, *self.bigrams)))


def script_of(text: str) -> Script:
    """Returns the script of the letters in a text; OTHER when there is neither a Han nor a Latin letter."""
    if text.isascii():
        return Script.LATIN if _ASCII_LETTER.search(text) else Script.OTHER
    if _PLAIN_HAN.fullmatch(text):
        return Script.HAN
    letters = [char for char in text if char.isalpha() or han.HAN.match(char)]
    has_han = any(han.HAN.match(char) for char in letters)
    has_latin = any(unicodedata.name(char, "").startswith("LATIN") for char in letters)
    if has_han:
        return Script.MIXED if has_latin else Script.HAN
    return Script.LATIN if has_latin else Script.OTHER


def tidy(text: str) -> str:
    """Returns a text in NFKC with single spaces and none around it, invisible format and control characters dropped."""
    if _PLAIN_TEXT.fullmatch(text):
        return " ".join(text.split())
    visible = "".join(" " if char.isspace() else char for char in unicodedata.normalize("NFKC", text))
    return " ".join("".join(char for char in visible if unicodedata.category(char) not in ("Cc", "Cf")).split())


def of_parts(given: str, family: str) -> PersonName:
    """Builds a name from its parts: Han names show the family name first without a space, others the given name
    first.
    """
    given, family = tidy(given), tidy(family)
    script = script_of(given + family)
    full = family + given if script is Script.HAN and not _has_dot(given + family) else f"{given} {family}".strip()
    return PersonName(given, family, full, script)


def _has_dot(text: str) -> bool:
    return _MIDDLE_DOTS.search(text) is not None


def of_full(text: str) -> PersonName:
    """Splits a full name: 欧阳娜娜, 王 伟, 约翰·史密斯, `Jan van Dyk`, `Smith, John`. A single Latin word is a given
    name.
    """
    full = tidy(text)
    if _PLAIN_HAN.fullmatch(full):
        family, given = han.split_surname(full)
        return PersonName(given, family, full, Script.HAN)
    script = script_of(full)
    if script is Script.HAN:
        return _split_han(full)
    if "," in full:
        family, _, given = full.partition(",")
        return of_parts(given, family)
    words = full.split(" ")
    if len(words) == 1:
        return PersonName(full, "", full, script)
    start = len(words) - 1
    while start > 1 and words[start - 1].lower() in _PARTICLES:
        start -= 1
    return PersonName(" ".join(words[:start]), " ".join(words[start:]), full, script)


def _split_han(full: str) -> PersonName:
    parts = _MIDDLE_DOTS.split(full)
    if len(parts) > 1:
        # A name from another language (约翰·史密斯, 艾力·买买提) keeps its own order: given names first.
        return PersonName("·".join(parts[:-1]), parts[-1], "·".join(parts), Script.HAN)
    words = full.split(" ")
    if len(words) == 2:
        return PersonName(words[1], words[0], words[0] + words[1], Script.HAN)
    joined = full.replace(" ", "")
    family, given = han.split_surname(joined)
    return PersonName(given, family, joined, Script.HAN)


def fold(text: str) -> str:
    """Returns a text for comparing: NFKC, simplified, case-folded, accents dropped (é → e, ø → o), single spaces."""
    if text.isascii():
        return " ".join(text.lower().split())
    if _PLAIN_HAN.fullmatch(text):
        return han.simplify(text)
    lowered = unicodedata.normalize("NFKD", han.simplify(unicodedata.normalize("NFKC", text)).casefold()).translate(
        _LETTERS
    )
    bare = "".join(char for char in lowered if not unicodedata.combining(char))
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", bare)).strip()


def drop_apostrophes(text: str) -> str:
    """Joins what an apostrophe parts, so that O'Brien, O’Brien and OBrien meet."""
    return text.translate(_APOSTROPHES)


@lru_cache(maxsize=16_384)
def search_keys(name: PersonName) -> NameKeys:
    """Returns what a name is found by. Readings of a Han family name come from the surname table, several where
    several are usual.
    """
    if name.family and _PLAIN_HAN.fullmatch(name.full):
        return _plain_han_keys(name)
    plain = drop_apostrophes(fold(name.full))
    if name.script in (Script.LATIN, Script.OTHER):
        return NameKeys(plain=plain, words=tuple(dict.fromkeys(_WORDS.findall(plain))), family=fold(name.family))
    words = tuple(dict.fromkeys(re.findall(r"[a-z0-9]+", plain)))
    return _han_keys(plain, words, _readings(name), _bigrams(plain), fold(name.family))


def _plain_han_keys(name: PersonName) -> NameKeys:
    """The shorter way for a name of Han characters alone, as most are: nothing in it to fold, no dot, no word."""
    plain, family, given = han.simplify(name.full), han.simplify(name.family), han.simplify(name.given)
    rest = han.syllables(given)
    bigrams = dict.fromkeys(first + second for first, second in pairwise(plain))
    return _han_keys(plain, (), [(*one, *rest) for one in han.surname_readings(family)], tuple(bigrams), family)


def _han_keys(
    plain: str, words: tuple[str, ...], readings: list[tuple[str, ...]], bigrams: tuple[str, ...], family: str
) -> NameKeys:
    return NameKeys(
        plain=plain,
        words=words,
        pinyin=tuple(dict.fromkeys(spelling for reading in readings for spelling in _spellings("".join(reading)))),
        syllables=tuple(
            dict.fromkeys(part for reading in readings for syllable in reading for part in _spellings(syllable))
        ),
        initials=tuple(dict.fromkeys("".join([syllable[0] for syllable in reading]) for reading in readings)),
        bigrams=bigrams,
        family=family,
    )


def _bigrams(plain: str) -> tuple[str, ...]:
    if not _has_dot(plain):
        return han.bigrams(plain)
    # Both with and without the middle dot, which few people type.
    return tuple(dict.fromkeys((*han.bigrams(plain), *han.bigrams(_MIDDLE_DOTS.sub("", plain)))))


def _readings(name: PersonName) -> list[tuple[str, ...]]:
    given = han.syllables(fold(name.given))
    family = fold(name.family)
    if not han.is_han(family) or _has_dot(name.full):
        whole = han.syllables(fold(name.full))
        return [whole] if whole else []
    return [(*reading, *given) for reading in han.surname_readings(family)]


def _spellings(reading: str) -> tuple[str, ...]:
    # ü is typed v on keyboards, yu in passports (吕 LYU), u by everyone else.
    return (reading, reading.replace("v", "yu"), reading.replace("v", "u")) if "v" in reading else (reading,)
