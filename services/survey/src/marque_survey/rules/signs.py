"""What about a response looks like gaming. Signs are shown with results; nothing is ever removed for them."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from marque_survey.rules import kinds
from marque_survey.rules.document import Document

STRAIGHT_LINE, TOO_FAST, COPIED_TEXT, TOP_BURST = "STRAIGHT_LINE", "TOO_FAST", "COPIED_TEXT", "TOP_BURST"
_RATINGS = 5
_ANSWERS, _SECONDS_EACH = 8, 1.0
_WORDS = 8  # shorter texts are alike by chance: "很好", "all fine"
COPIES = 2
BURST, BURST_SPAN, USUAL_SPAN = 8, timedelta(hours=1), timedelta(days=30)
_TIMES_USUAL = 5


def of_response(document: Document, values: Mapping[str, Any], spent: timedelta | None) -> list[str]:
    """Returns the signs of a response by itself. `values`: as conditions see them; `spent`: None where somebody was called."""
    found = []
    ratings = _ratings(document, values)
    if len(ratings) >= _RATINGS and len(set(ratings)) == 1:
        found.append(STRAIGHT_LINE)
    if spent is not None and len(values) >= _ANSWERS and spent.total_seconds() < _SECONDS_EACH * len(values):
        found.append(TOO_FAST)
    return found


def _ratings(document: Document, values: Mapping[str, Any]) -> list[tuple[int, tuple[int, int]]]:
    """Every rating with its scale, of matrices row by row: the same number on another scale is another answer."""
    found = []
    for question in document.questions:
        value = values.get(question.code)
        if question.kind == kinds.RATING and value is not None:
            found.append((value, question.scale))
        elif question.kind == kinds.MATRIX and value is not None:
            found += [(number, question.scale) for number in value.values()]
    return found


def is_burst(top: int, usual: int) -> bool:
    """Tells whether so many best recommendations in the last hour are far more than usual; `usual`: in the 30 days before."""
    hours = USUAL_SPAN / BURST_SPAN
    return top >= BURST and top > _TIMES_USUAL * usual / hours


def text_hash(document: Document, values: Mapping[str, Any]) -> str:
    """Returns a hash of all free text of a response, in which case, width, spaces and marks do not count; empty for a short one."""
    told = [values[one.code] for one in document.questions if one.kind == kinds.TEXT and one.code in values]
    plain = unicodedata.normalize("NFKC", "".join(told)).casefold()
    letters = "".join(one for one in plain if one.isalnum())
    return hashlib.sha256(letters.encode()).hexdigest() if len(letters) >= _WORDS else ""
