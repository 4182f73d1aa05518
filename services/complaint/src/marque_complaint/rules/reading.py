"""Reading the texts of import rows. What is wrong is collected field by field and never repeats the value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from servicekit.errors import FieldViolation

KM_PER_MILE = 1.609344
KINDS = {"complaint": 1, "inquiry": 2, "suggestion": 3, "technical": 4, "roadside": 5}
CHANNELS = {
    "call": 1, "email": 2, "web": 3, "chat": 4, "fax": 5, "letter": 6, "social": 7, "dealer": 8, "survey": 9, "portal": 10,
}  # fmt: skip
_DAY = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
_WHOLE = re.compile(r"([0-9]{1,12})(?:\.0*)?")
_YES, _NO = frozenset({"y", "yes", "true", "1", "是", "有"}), frozenset({"", "n", "no", "false", "0", "否", "无"})
_UNKNOWN_YEAR = 9999
_OLDEST, _NEWEST = 1900, 2200


class Texts:
    """The reading of one row: values come out, violations are kept."""

    def __init__(self) -> None:
        self.violations: list[FieldViolation] = []

    def refuse(self, field: str, reason: str, description: str) -> None:
        """Notes what is wrong with a field."""
        self.violations.append(FieldViolation(field, reason, description))

    def day(self, field: str, text: str) -> date | None:
        """Reads an optional day, `YYYY-MM-DD` or `YYYYMMDD`."""
        text = text.strip()
        if not text:
            return None
        try:
            if match := _DAY.fullmatch(text):
                found = date(*(int(part) for part in match.groups()))
                if _OLDEST <= found.year <= _NEWEST:
                    return found
        except ValueError:
            pass
        self.refuse(field, "DATE_INVALID", "Give a calendar date as YYYY-MM-DD.")
        return None

    def number(self, field: str, text: str, most: int) -> int:
        """Reads an optional whole number, 0 for none; a spreadsheet's `12.0` counts as 12."""
        text = text.strip()
        match = _WHOLE.fullmatch(text)
        if not text or (match and int(match[1]) <= most):
            return int(match[1]) if match else 0
        self.refuse(field, "NUMBER_INVALID", f"Give a whole number from 0 to {most}, without grouping.")
        return 0

    def year(self, field: str, text: str) -> int:
        """Reads an optional model year; 9999 is how authorities write that it is not known."""
        found = self.number(field, text, _UNKNOWN_YEAR)
        if found in (0, _UNKNOWN_YEAR):
            return 0
        if not _OLDEST <= found <= _NEWEST:
            self.refuse(field, "YEAR_INVALID", "Give a year of four digits.")
            return 0
        return found

    def mark(self, field: str, text: str) -> bool:
        """Reads a mark such as Y or 否; empty is no."""
        word = text.strip().casefold()
        if word in _YES:
            return True
        if word not in _NO:
            self.refuse(field, "MARK_INVALID", "Give Y or N.")
        return False

    def word(self, field: str, text: str, known: Mapping[str, int], default: int) -> int:
        """Reads a word of an enum of the contract, in any case."""
        word = text.strip().casefold()
        if not word:
            return default
        if word not in known:
            self.refuse(field, "WORD_UNKNOWN", f"The value is none of {', '.join(known)}.")
        return known.get(word, default)
