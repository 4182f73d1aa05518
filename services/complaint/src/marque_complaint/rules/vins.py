"""VINs as they are told in complaints: often a part, often wrong. They are kept as told; what is wrong is said."""

from __future__ import annotations

import unicodedata

from tradekit import vin as vins


def tidy(text: str) -> str:
    """Returns a VIN, or a part of one, in capitals without spaces and hyphens."""
    folded = unicodedata.normalize("NFKC", text).upper()
    return "".join(char for char in folded if char.isascii() and char.isalnum())[:32]


def problem(vin: str) -> str:
    """Returns what is wrong with a tidy VIN, as a constant; empty for nothing, and for none."""
    if not vin:
        return ""
    try:
        vins.normalise(vin)
    except vins.VinError as error:
        return f"VIN_{error.reason}"
    return "" if vins.check_digit_holds(vin) else "VIN_CHECK_DIGIT"


def is_whole(vin: str) -> bool:
    """Tells whether a tidy VIN has the shape of a whole one."""
    try:
        return vins.normalise(vin) == vin
    except vins.VinError:
        return False
