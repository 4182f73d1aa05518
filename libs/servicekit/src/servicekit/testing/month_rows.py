"""Rows of files about months, for the suites: targets of dealers, and what was spent on marketing."""

from __future__ import annotations

from servicekit.testing.access.cast import Cast

TARGET_BAD = {
    ("dealer_code", "NOWHERE"): "DEALER_NOT_FOUND",
    ("measure", "=1+1"): "CODE_INVALID",
    ("period", "2026-13"): "PERIOD_INVALID",
    ("value", "1,000"): "NUMBER_INVALID",
}
"""Values that spoil a target: (column, value) → reason."""
SPENT_BAD = {
    ("month", "2026-13"): "PERIOD_INVALID",
    ("month", "202602"): "PERIOD_INVALID",
    ("channel", "pigeon"): "WORD_UNKNOWN",
    ("source", "=1+1"): "STRING_PATTERN",
    ("amount", "1,000"): "AMOUNT_INVALID",
    ("amount", "-1"): "AMOUNT_INVALID",
    ("amount", "0.001"): "AMOUNT_INVALID",
    ("currency_code", "QQQ"): "CURRENCY_UNKNOWN",
}
"""Values that spoil what was spent."""


def target(cast: Cast, mark: str, number: int) -> dict[str, str]:
    """A target of a dealer."""
    return {
        "dealer_code": cast.row("dealer", "own")["code"],
        "measure": f"cars_{mark}_{number}",
        "period": "2026-07",
        "value": "12",
    }


def spent(cast: Cast, mark: str, number: int) -> dict[str, str]:
    """What the maker spent on one thing."""
    return {
        "month": "2026-02",
        "channel": "email",
        "source": f"F{mark}_{number}".upper(),
        "amount": "120.50",
        "currency_code": "CNY",
        "note": "车展",
    }
