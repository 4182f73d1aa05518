"""Rows about money spent outside campaigns: amounts to the smallest unit, words as people write them, one key for the same row."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from marque_campaign.rules import spends


def row(**told: Any) -> Any:
    """A good row, or one with something else in it."""
    good = {"month": "2026-02", "channel": "", "source": "FAIR", "amount": "1", "currency_code": "CNY"}
    return SimpleNamespace(**{"row": 1, "note": "", "source_key": "", "dealer_code": "", **good, **told})


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("0", "CNY", 0), ("12.50", "CNY", 1250), ("12.500", "CNY", 1250), ("7", "JPY", 7), ("1.234", "BHD", 1234),
     (str(2**53 // 100), "CNY", 2**53 // 100 * 100)],
)  # fmt: skip
def test_an_amount_is_kept_exactly(amount: str, currency: str, minor: int) -> None:
    found = spends.read(row(amount=amount, currency_code=currency))
    assert (found.violations, found.values["minor"]) == ([], minor)


@pytest.mark.parametrize(
    ("told", "field", "reason"),
    [
        ({"amount": "0.001"}, "amount", "AMOUNT_INVALID"),
        ({"amount": "0.5", "currency_code": "JPY"}, "amount", "AMOUNT_INVALID"),
        ({"amount": "1e5"}, "amount", "AMOUNT_INVALID"),
        ({"amount": "-1"}, "amount", "AMOUNT_INVALID"),
        ({"amount": "\u0661"}, "amount", "AMOUNT_INVALID"),  # a digit, but not one of ours
        ({"amount": str(2**53)}, "amount", "AMOUNT_INVALID"),
        ({"currency_code": "QQQ"}, "currency_code", "CURRENCY_UNKNOWN"),
        ({"month": "2026-00"}, "month", "PERIOD_INVALID"),
        ({"month": "2026-2"}, "month", "PERIOD_INVALID"),
        ({"channel": "pigeon"}, "channel", "WORD_UNKNOWN"),
        ({"channel": "unspecified"}, "channel", "WORD_UNKNOWN"),
    ],
)
def test_what_is_wrong_is_told_by_its_field(told: dict[str, Any], field: str, reason: str) -> None:
    assert [(one.field, one.reason) for one in spends.read(row(**told)).violations] == [(field, reason)]


def test_a_row_is_known_by_the_teller_s_key_or_by_what_it_says() -> None:
    def key(**told: Any) -> str:
        return str(spends.read(row(**told)).values["source_key"])

    assert key(source_key=" R-1 ", amount="1") == key(source_key="R-1", amount="2", note="x") == "R-1"
    assert key(channel="email", note="x ") == key(channel="CHANNEL_EMAIL", note="x", amount="2", currency_code="cny")
    others = [
        {},
        {"month": "2026-03"},
        {"channel": "post"},
        {"source": "ADVERT"},
        {"note": "x"},
        {"currency_code": "EUR"},
    ]
    assert len({key(**told) for told in others}) == len(others)
