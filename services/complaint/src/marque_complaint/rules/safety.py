"""Signs of danger in what people tell, by words of English and Chinese as data (safety_words.csv, this team's own list), and by marks.

A sign of what happened to people or the car (fire, crash, injury) does not count where it is denied in the same breath: `no injuries`.
A failure does: `the brakes did not work` is the sign itself. Whoever is in doubt flags: a case too many costs a look.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

from tradekit import han

MOST = 20_000
"""Characters that are looked at: those of the longest description that the contract takes."""
_SENTENCE = re.compile(r"[.!?;。！？；\n]|\b(?:but|and (?:i|we|he|she|it|they|the|then|my))\b", re.IGNORECASE)
_DENIED = {
    "en": re.compile(
        r"\b(?:no|not|without|never|neither|nor|nobody|none|isn.?t|wasn.?t|weren.?t|didn.?t|avoid\w*|almost|nearly|"
        r"could|can|may|might|would|potential\w*|risk of|fear\w*|afraid|possible|possibly|prevent\w*|before|if)\b"
        r"(?:\W+\w+){0,4}\W*$",
        re.IGNORECASE,
    ),
    "zh": re.compile(r"(?:没有|没|未|无|不会|避免|差点|险些|可能|容易|怕|担心|防止|以免|如果|万一)[^，,、]{0,6}$"),
}
_REACH = 80  # characters before a word in which its denial is looked for


@dataclass(frozen=True, slots=True)
class _Word:
    sign: str
    language: str
    negatable: bool
    pattern: re.Pattern[str]


@cache
def _words() -> tuple[_Word, ...]:
    text = (resources.files("marque_complaint.rules") / "safety_words.csv").read_text(encoding="utf-8")
    rows = csv.reader(text.splitlines()[1:], quoting=csv.QUOTE_NONE)
    return tuple(
        _Word(row[0], row[1], row[2] == "yes", re.compile(",".join(row[3:]), re.IGNORECASE)) for row in rows if row
    )


def signs(
    texts: Iterable[str], *, crash: bool = False, fire: bool = False, injured: int = 0, deaths: int = 0
) -> list[str]:
    """Returns the signs of danger in some texts and marks, as constants in a fixed order."""
    found = set()
    told = "\n".join(texts)[:MOST]
    folded = told if told.isascii() else han.simplify(told)
    for word in _words():
        if word.sign not in found and _says(word, folded):
            found.add(word.sign)
    marks = {"CRASH": crash, "FIRE": fire, "INJURY": injured > 0 or deaths > 0}
    found |= {sign for sign, marked in marks.items() if marked}
    return [sign for sign in _order() if sign in found]


def _says(word: _Word, text: str) -> bool:
    if word.language == "zh" and text.isascii():
        return False
    if not word.negatable:
        return word.pattern.search(text) is not None
    return any(not _denied(word, text, match.start()) for match in word.pattern.finditer(text))


def _denied(word: _Word, text: str, place: int) -> bool:
    before = _SENTENCE.split(text[max(0, place - _REACH) : place])[-1]
    return _DENIED[word.language].search(before) is not None


@cache
def _order() -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.sign for word in _words()))
