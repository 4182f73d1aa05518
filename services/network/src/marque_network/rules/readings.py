"""Reading the texts of import files: words of enums, lists, phones and e-mail addresses, with what is wrong named by
field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from servicekit.errors import FieldViolation
from tradekit import email, phone

_LIST = re.compile(r"[;；,，、]")
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class Reading:
    """One row as it was understood: its number, natural key, the columns of which it says something, and what is wrong
    with it.

    A text that is empty says nothing, so it leaves what is known as it is.
    """

    row: int
    key: str
    values: Mapping[str, Any]
    wrong: tuple[FieldViolation, ...] = ()
    manager_number: str = ""


@dataclass(slots=True)
class Reader:
    """Reads one row; wrong texts are collected in `wrong`, never repeated in it."""

    wrong: list[FieldViolation] = field(default_factory=list)

    def refuse(self, place: str, reason: str, description: str) -> None:
        """Notes that a field is wrong."""
        self.wrong.append(FieldViolation(place, reason, description))

    def word(self, place: str, text: str, words: Mapping[str, int]) -> int | None:
        """Reads a word of an enum in any case (`Body repair`, `body_repair`); None for an empty text."""
        plain = "_".join(text.strip().lower().replace("-", " ").replace("_", " ").split())
        if not plain:
            return None
        if plain not in words:
            self.refuse(place, "WORD_UNKNOWN", f"Use one of: {', '.join(sorted(words))}.")
            return None
        return words[plain]

    def words(self, place: str, text: str, words: Mapping[str, int]) -> list[int]:
        """Reads a list of words of an enum, each once, in the order of their numbers."""
        return sorted({number for item in items(text) if (number := self.word(place, item, words)) is not None})

    def pattern(self, place: str, text: str, pattern: re.Pattern[str], description: str) -> str:
        """Reads a code in capitals; empty for an empty text or one that does not fit."""
        plain = text.strip().upper()
        if plain and not pattern.fullmatch(plain):
            self.refuse(place, "CODE_INVALID", description)
            return ""
        return plain

    def phone(self, place: str, text: str, country: str) -> str:
        """Reads a telephone number as dialled in a country; returns E.164, empty for an empty text."""
        if not text.strip():
            return ""
        try:
            return phone.normalise(text, country or "CN").e164
        except phone.PhoneError as error:
            self.refuse(place, "PHONE_INVALID", str(error))
            return ""

    def email(self, place: str, text: str) -> str:
        """Reads an e-mail address; empty for an empty text."""
        if not text.strip():
            return ""
        try:
            return email.normalise(text).address
        except email.EmailError as error:
            self.refuse(place, "EMAIL_INVALID", str(error))
            return ""

    def date(self, place: str, text: str) -> date | None:
        """Reads `YYYY-MM-DD`; None for an empty text."""
        if not text.strip():
            return None
        try:
            return date.fromisoformat(text.strip())
        except ValueError:
            self.refuse(place, "DATE_INVALID", "Give a date as 2026-05-31.")
            return None

    def languages(self, place: str, found: list[str]) -> list[str]:
        """Checks language tags (BCP 47, by their shape)."""
        for tag in found:
            if not LANGUAGE.fullmatch(tag):
                self.refuse(place, "LANGUAGE_INVALID", "Give a language tag such as zh-CN.")
                return []
        return found


def items(text: str) -> list[str]:
    """Returns the parts of a list that is parted by semicolons or commas, each once, in order."""
    return list(dict.fromkeys(part.strip() for part in _LIST.split(text) if part.strip()))
