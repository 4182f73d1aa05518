"""VINs from a real prefix: the real check digit in position 9 stays, and the made-up serial is chosen so that it holds."""

from __future__ import annotations

import random

from tradekit import vin

SERIAL_MARK = "Z"
"""Position 12 of every made-up VIN; the makers of the sample do not use it there, so no real car is meant."""


def complete(prefix: str, dice: random.Random, taken: set[str]) -> str:
    """Returns a VIN with these 11 characters whose check digit holds and which is not in `taken`, and adds it there.

    The last digit (weight 2) can make the weighted sum anything but one of eleven residues, so a second draw is seldom needed.
    """
    while True:
        start = f"{prefix}{SERIAL_MARK}{dice.randrange(10_000):04d}"
        for digit in "0123456789":
            candidate = start + digit
            if vin.check_digit_holds(candidate):
                if candidate not in taken:
                    taken.add(candidate)
                    return candidate
                break
