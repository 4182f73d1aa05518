"""Codes of offers, as people type them: drawn by chance, without characters that are taken for one another. Pure but for chance."""

from __future__ import annotations

import secrets
from datetime import datetime

# Without 0 O, 1 I L, 2 Z, 5 S, 8 B: what is left is read alike on paper, on the phone and in handwriting.
ALPHABET = "34679ACDEFGHJKMNPQRTUVWXY"
LENGTH, GROUP = 12, 4
"""12 of 25 characters are 55 bits: with a million codes out, one guess in 10^10 meets one."""

OPEN, REDEEMED, TOO_EARLY, EXPIRED, CALLED_OFF = range(1, 6)
STATE_NAMES = ("", "OPEN", "REDEEMED", "TOO_EARLY", "EXPIRED", "CALLED_OFF")


def draw() -> str:
    """Returns a new code, as it is kept."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def shown(code: str) -> str:
    """Returns a code as people read it: `ABCD-EFGH-JKMN`."""
    return "-".join(code[at : at + GROUP] for at in range(0, len(code), GROUP))


def typed(text: str) -> str | None:
    """Returns the code that somebody typed, as it is kept; None for what can be none."""
    found = "".join(one for one in text.upper() if one not in " -\u2013\u2014\u00a0\u3000")
    return found if len(found) == LENGTH and all(one in ALPHABET for one in found) else None


def standing(
    *, redeemed: bool, cancelled: bool, valid_from: datetime | None, valid_until: datetime, now: datetime
) -> int:
    """Returns where a code stands: a constant of this module. What was done comes first, then what is over for good."""
    if redeemed:
        return REDEEMED
    if cancelled:
        return CALLED_OFF
    if now >= valid_until:
        return EXPIRED
    if valid_from is not None and now < valid_from:
        return TOO_EARLY
    return OPEN
