"""Rows of the plant's feed and of the channel feed for the suites of imports: good ones, and values that spoil one, with their reasons."""

from __future__ import annotations

from servicekit.testing.access.cast import Cast
from servicekit.testing.world import new_vin

PLANT_BAD = {
    ("vin", "LSVAA41801234567"): "VIN_LENGTH",
    ("order_code", "=1+1"): "CODE_INVALID",
    ("stage", "juggle"): "WORD_UNKNOWN",
    ("stage", "delivered"): "STAGE_NOT_OF_PLANT",
    ("reach_time", "yesterday"): "TIME_INVALID",
    ("promised_date", "9999-01-01"): "DATE_OUT_OF_RANGE",
}
CHANNEL_BAD = {
    ("dealer_code", "NOWHERE"): "DEALER_NOT_FOUND",
    ("date", "03.02.2026"): "DATE_INVALID",
    ("stock_count", "=1+1"): "NUMBER_INVALID",
    ("stock_over_90_count", "13"): "COUNT_ABOVE_STOCK",
    ("receipts", "1,000.00"): "AMOUNT_INVALID",
}


def plant_said(cast: Cast, mark: str, number: int) -> dict[str, str]:
    """A message of the plant about an order that nobody placed."""
    return {
        "message_id": f"{mark}-{number}",
        "order_code": f"NOT-YET-{mark}".upper(),
        "stage": "body",
        "reach_time": "2026-01-02T03:04:05Z",
        "promised_date": "2026-03-04",
        "vin": new_vin(),
        "station": "焊装一号",
    }


def channel_day(cast: Cast, mark: str, number: int) -> dict[str, str]:
    """A dealer's day."""
    return {
        "dealer_code": cast.row("dealer", "own")["code"],
        "date": f"{2000 + int(mark, 16) % 20 + number // 336}-{number // 28 % 12 + 1:02}-{number % 28 + 1:02}",
        "stock_count": "12",
        "stock_over_90_count": "3",
        "currency_code": "CNY",
        "receipts": "1000.50",
    }
