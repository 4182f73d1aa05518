"""Amounts of money in messages, and the one currency of a document."""

from __future__ import annotations

from typing import Any

from google.type import money_pb2
from servicekit.errors import FieldViolation, InvalidArgument
from tradekit import money

from marque_vehicle.errors import CurrencyMixed

Row = Any  # a row read by its columns' names: an asyncpg.Record or a dict
_MAX_MINOR = 10**15


def minor(message: money_pb2.Money, path: str) -> tuple[str, int]:
    """Returns (currency, minor units). Raises InvalidArgument for an amount that is negative, too fine or in no currency."""
    try:
        found = money.from_units_nanos(message.currency_code, message.units, message.nanos)
    except money.MoneyError as error:
        raise InvalidArgument.of(path, f"MONEY_{error.reason}", str(error)) from None
    if not 0 <= found.minor <= _MAX_MINOR:
        raise InvalidArgument.of(path, "MONEY_RANGE", "The amount is negative or too great.")
    return found.currency, found.minor


class Currency:
    """The one currency of a document. Raises CurrencyMixed where a second one comes."""

    def __init__(self, code: str = "") -> None:
        self.code = code

    def take(self, message: money_pb2.Money, path: str) -> int:
        """Reads an amount."""
        currency, amount = minor(message, path)
        if self.code and currency != self.code:
            raise CurrencyMixed(violations=[FieldViolation(path, "CURRENCY_MIXED", "All amounts are in one currency.")])
        self.code = currency
        return amount


def set_money(target: Any, field: str, currency: str, amount: int | None) -> None:
    """Sets an amount where there is one."""
    if amount is not None and currency:
        units, nanos = money.Money(currency, amount).units_nanos
        getattr(target, field).CopyFrom(money_pb2.Money(currency_code=currency, units=units, nanos=nanos))
