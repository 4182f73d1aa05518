"""Articles: which version is in force, which places a template has, and how well an article may answer a case. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from tradekit import han, names

from marque_complaint.rules import learning

_MOST_TEXT, _MOST_WORDS = 20_000, 40
_LATIN = re.compile(r"[a-z]{4,}")
ARTICLE, BULLETIN, TEMPLATE, PROCEDURE = 1, 2, 3, 4
PLACES = ("tracking_code", "make", "model", "vin_ending", "receive_date", "subject")
"""What a template may ask of a case. No name of a person: who writes to somebody greets them as they know them."""
TAKEN_FROM = ("tracking_code", "make", "model", "vin", "receive_time", "subject")
"""The columns of a case that places are filled from."""
_PLACE = re.compile(r"\{([^{}]*)\}")
_COMPONENT, _WORD = 0.5, 0.02


def in_force(versions: Sequence[tuple[int, date]], day: date) -> int:
    """Returns the number of the version in force on a day: of those begun, the latest beginning, then the latest written. 0: none."""
    begun = [(start, number) for number, start in versions if start <= day]
    return max(begun)[1] if begun else 0


def unknown_places(body: str) -> list[str]:
    """Returns the places of a template that nothing fills."""
    return sorted({name for name in _PLACE.findall(body) if name not in PLACES})


def fill(body: str, case: Mapping[str, Any]) -> str:
    """Returns a template's words for a case; a place of which the case says nothing stays empty."""
    known = {
        "tracking_code": case["tracking_code"],
        "make": case["make"],
        "model": case["model"],
        "vin_ending": (case["vin"] or "")[-6:],
        "receive_date": case["receive_time"].date().isoformat(),
        "subject": case["subject"],
    }
    return _PLACE.sub(lambda found: str(known.get(found[1], "")), body)


def told(texts: Sequence[Mapping[str, str]], language: str) -> Sequence[Mapping[str, str]]:
    """Returns the words in a language, by its first part where the whole is missing, else the first; all for no language."""
    if not language:
        return texts
    wanted = language.lower()
    for same in (wanted, wanted.split("-")[0]):
        for text in texts:
            if text["language"].lower() == same or (same != wanted and text["language"].lower().split("-")[0] == same):
                return [text]
    return texts[:1]


@dataclass(frozen=True, slots=True)
class Like:
    """By what articles that may answer a case are narrowed before they are weighed: its systems, its words, its pairs of Han characters."""

    systems: list[str]
    words: list[str]
    pairs: list[str]

    @classmethod
    def of(cls, subject: str, description: str, components: Iterable[str]) -> Like:
        """Reads a case. At most `_MOST_WORDS` different words, the longest first: these tell most."""
        text = names.fold(names.tidy(f"{subject}\n{description}"[:_MOST_TEXT]))
        words = sorted(set(_LATIN.findall(text)), key=lambda word: (-len(word), word))
        pairs = sorted(set(han.bigrams(text)))
        return cls(sorted({path.split(":")[0] for path in components}), words[:_MOST_WORDS], pairs[:_MOST_WORDS])


def answers(words: frozenset[int], components: Iterable[str], article: Mapping[str, Any]) -> float:
    """Returns how well an article may answer a case: by components of the same system, by words that both hold. 0: not at all."""
    mine = {path.split(":")[0] for path in components}
    theirs = {path.split(":")[0] for path in article["components"]}
    held = frozenset(
        int(place) for text in article["texts"] for place in learning.places(f"{text['title']}\n{text['body']}")
    )
    both = len(words & held)
    score = (_COMPONENT if mine & theirs else 0.0) + _WORD * both
    return score if mine & theirs or both >= min(3, len(words)) > 0 else 0.0
