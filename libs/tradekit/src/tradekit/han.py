"""Han script: simplified form, surnames with their own readings, pinyin. The tables of the libraries load at first use.

`pypinyin` reads characters by their commonest sound; surnames often differ (单 is shàn, 曾 zēng), so
`data/han_surnames.csv` comes first.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from tradekit import tables

if TYPE_CHECKING:
    from opencc import OpenCC

HAN = re.compile(r"[㐀-䶿一-鿿豈-﫿𠀀-𳑿〇々]")
_ALL_HAN = re.compile(rf"{HAN.pattern}+")


def is_han(text: str) -> bool:
    """Says whether a text is made of Han characters only (and at least one)."""
    return _ALL_HAN.fullmatch(text) is not None


@cache
def _converter() -> OpenCC:
    from opencc import OpenCC

    return OpenCC("t2s")


@lru_cache(maxsize=32_768)
def simplify(text: str) -> str:
    """Returns a text with traditional characters written as simplified ones."""
    return text if text.isascii() else str(_converter().convert(text))


@cache
def _surnames() -> dict[str, tuple[tuple[str, ...], ...]]:
    return {
        row["surname"]: tuple(tuple(_plain(reading).split()) for reading in row["readings"].split("|"))
        for row in tables.rows("han_surnames")
    }


def _plain(reading: str) -> str:
    # The passports' and keyboards' v for ü: one letter that is in no other syllable.
    return reading.replace("ü", "v")


def split_surname(full: str) -> tuple[str, str]:
    """Splits a Han full name into (family, given): a known compound surname when something is left after it, else one
    character.

    A name of one character is a family name without a given one. The split is by the simplified form, the parts are
    as written.
    """
    simplified = simplify(full)
    if len(simplified) == len(full):
        for length in (4, 2):
            if len(full) > length and simplified[:length] in _surnames():
                return full[:length], full[length:]
    return full[:1], full[1:]


def surname_readings(family: str) -> tuple[tuple[str, ...], ...]:
    """Returns the readings of a family name in syllables without tones, likeliest first."""
    simplified = simplify(family)
    return _surnames().get(simplified) or (syllables(simplified),)


@lru_cache(maxsize=32_768)
def _syllable(char: str) -> str:
    from pypinyin import lazy_pinyin

    return _plain(unicodedata.normalize("NFKC", lazy_pinyin(char)[0]))


def syllables(text: str) -> tuple[str, ...]:
    """Returns one syllable without tone per Han character, by each character's commonest sound; other characters are
    left out.

    Read character by character: a given name is no phrase, and a phrase dictionary would give 重庆's chóng to a person.
    """
    return tuple(_syllable(char) for char in simplify(text) if HAN.match(char))


def bigrams(text: str) -> tuple[str, ...]:
    """Returns the pairs of neighbouring Han characters in simplified form, each once, in order: 欧阳娜 → 欧阳, 阳娜."""
    pairs: dict[str, None] = {}
    for run in _ALL_HAN.findall(simplify(text)):
        for index in range(len(run) - 1):
            pairs[run[index : index + 2]] = None
    return tuple(pairs)
