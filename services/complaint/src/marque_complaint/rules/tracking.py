"""Tracking codes: what a customer reads out on the telephone, and nobody guesses."""

from __future__ import annotations

import secrets

_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # without 0 O 1 I, which are mistaken for each other
LENGTH = 14  # 70 random bits: at the rate that the door allows, nobody finds one in a lifetime


def new_code() -> str:
    """Returns a new code."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(LENGTH))


def tidy(text: str) -> str:
    """Returns a typed code as it is kept: capitals, without hyphens and spaces; what is mistaken for others cannot be meant."""
    return "".join(char for char in text.upper() if char.isalnum() and char.isascii())
