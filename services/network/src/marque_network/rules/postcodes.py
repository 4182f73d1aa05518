"""Postal codes as numbers, so that ranges of their beginnings can be compared by the database.

A code is written in a number system of 37 digits (0, then 0–9, A–Z), twelve digits long; what is shorter is filled up
from the right, so that all codes with one beginning lie side by side. 37¹² is below 2⁶³.
"""

from __future__ import annotations

import unicodedata

LENGTH = 12
_DIGITS = {character: value for value, character in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", 1)}
_LEFT_OUT = str.maketrans("", "", " -‐‑–—\u3000")


def plain(text: str) -> str:
    """Returns a postal code in capitals without blanks and hyphens; empty where it is none or too long."""
    code = unicodedata.normalize("NFKC", text).upper().translate(_LEFT_OUT)
    return code if len(code) <= LENGTH and all(character in _DIGITS for character in code) else ""


def number(code: str) -> int:
    """Returns the first number of all codes that begin with a plain code."""
    found = 0
    for character in code.ljust(LENGTH):
        found = found * 37 + _DIGITS.get(character, 0)
    return found


def span(first: str, last: str) -> tuple[int, int]:
    """Returns the numbers from the first code that begins with `first` up to, not including, the one after the last that
    begins with `last`; both plain and of one length.
    """
    return number(first), number(last) + 37 ** (LENGTH - len(last))
