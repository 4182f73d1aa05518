"""Han script: simplified form, surnames with their own readings, pinyin. The tables of the libraries load at first use.

OpenCC says what each character is written as; its engine would also go by phrases (乾坤 stays, 乾 becomes 干), and then a
part of a name would no longer meet the whole.

`pypinyin` reads characters by their commonest sound; surnames often differ (单 is shàn, 曾 zēng), so
`data/han_surnames.csv` comes first.
"""

from __future__ import annotations

import os
import re
import unicodedata
from functools import cache, lru_cache

from tradekit import tables

HAN = re.compile(r"[㐀-䶿一-鿿豈-﫿𠀀-𳑿〇々]")
# The characters of HAN, as far as they have another form.
_BLOCKS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3134A))
_ALL_HAN = re.compile(rf"{HAN.pattern}+")


def is_han(text: str) -> bool:
    """Says whether a text is made of Han characters only (and at least one)."""
    return _ALL_HAN.fullmatch(text) is not None


@cache
def _simplified() -> dict[int, str]:
    """The characters that are written otherwise in simplified script. The engine is only asked once, for all of them."""
    from opencc import OpenCC

    written = [chr(code) for first, last in _BLOCKS for code in range(first, last + 1)]
    simple = str(OpenCC("t2s").convert("\n".join(written))).split("\n")
    table = {ord(one): other for one, other in zip(written, simple, strict=True) if one != other}
    # 薴 becomes 苧, and 苧 for its part 苎: what is simplified twice must be what is simplified once.
    return {code: other.translate(table) for code, other in table.items()}


def simplify(text: str) -> str:
    """Returns a text with traditional characters written as simplified ones, character by character."""
    return text if text.isascii() else text.translate(_simplified())


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


@lru_cache(maxsize=4096)
def surname_readings(family: str) -> tuple[tuple[str, ...], ...]:
    """Returns the readings of a family name in syllables without tones, likeliest first."""
    simplified = simplify(family)
    return _surnames().get(simplified) or (syllables(simplified),)


@lru_cache(maxsize=32_768)
def _syllable(char: str) -> str:
    # Its dictionary of phrases takes 50 MB and says nothing of a character that stands alone.
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
    from pypinyin import lazy_pinyin

    return _plain(unicodedata.normalize("NFKC", lazy_pinyin(char)[0]))


@lru_cache(maxsize=16_384)
def syllables(text: str) -> tuple[str, ...]:
    """Returns one syllable without tone per Han character, by each character's commonest sound; other characters are
    left out.

    Read character by character: a given name is no phrase, and a phrase dictionary would give 重庆's chóng to a person.
    """
    return tuple(_syllable(char) for char in simplify(text) if HAN.match(char))


def bigrams(text: str) -> tuple[str, ...]:
    """Returns the pairs of neighbouring Han characters in simplified form, each once, in order: 欧阳娜 → 欧阳, 阳娜."""
    if text.isascii():
        return ()
    pairs: dict[str, None] = {}
    for run in _ALL_HAN.findall(simplify(text)):
        for index in range(len(run) - 1):
            pairs[run[index : index + 2]] = None
    return tuple(pairs)
