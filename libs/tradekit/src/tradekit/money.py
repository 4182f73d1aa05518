"""Money as integers of the currency's smallest unit: exact, never a float, never two currencies in one sum.

The number of decimal digits per currency follows ISO 4217 (`data/currencies.csv`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from tradekit import tables

NANOS_PER_UNIT = 1_000_000_000
_INT64_MAX = 2**63 - 1


class MoneyReason(StrEnum):
    """Why an amount was refused."""

    CURRENCY_UNKNOWN = "CURRENCY_UNKNOWN"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    SIGN = "SIGN"
    RANGE = "RANGE"
    PRECISION = "PRECISION"
    WEIGHTS = "WEIGHTS"


class MoneyError(ValueError):
    """An amount or an operation on amounts makes no sense."""

    def __init__(self, reason: MoneyReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@cache
def _digits_by_currency() -> dict[str, int]:
    return {code: int(row["digits"]) for row in tables.rows("currencies") for code in row["codes"].split()}


def digits(currency: str) -> int:
    """Returns how many decimal digits a currency (ISO 4217 code) has; raises `MoneyError` CURRENCY_UNKNOWN."""
    found = _digits_by_currency().get(currency)
    if found is None:
        raise MoneyError(MoneyReason.CURRENCY_UNKNOWN, "The currency is not an ISO 4217 code in use.")
    return found


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (fen, cents; whole yen). Adding or comparing two currencies raises CURRENCY_MISMATCH."""

    currency: str
    minor: int

    def __post_init__(self) -> None:
        digits(self.currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.currency, self.minor + self._same(other))

    def __sub__(self, other: Money) -> Money:
        return Money(self.currency, self.minor - self._same(other))

    def __neg__(self) -> Money:
        return Money(self.currency, -self.minor)

    def __mul__(self, factor: int) -> Money:
        return Money(self.currency, self.minor * factor)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other)

    def _same(self, other: Money) -> int:
        if self.currency != other.currency:
            raise MoneyError(MoneyReason.CURRENCY_MISMATCH, f"{other.currency} does not go with {self.currency}.")
        return other.minor

    @property
    def units_nanos(self) -> tuple[int, int]:
        """The (units, nanos) of google.type.Money: whole units as int64 and billionths, both of one sign; raises
        RANGE beyond int64.
        """
        scale = 10 ** digits(self.currency)
        units, rest = divmod(abs(self.minor), scale)
        if units > _INT64_MAX:
            raise MoneyError(MoneyReason.RANGE, "The amount does not fit google.type.Money.")
        sign = -1 if self.minor < 0 else 1
        return sign * units, sign * rest * (NANOS_PER_UNIT // scale)


def from_units_nanos(currency: str, units: int, nanos: int) -> Money:
    """Reads a google.type.Money exactly; raises SIGN, RANGE, or PRECISION when the nanos are finer than the
    currency's minor unit.
    """
    scale = 10 ** digits(currency)
    if (units > 0 > nanos) or (units < 0 < nanos):
        raise MoneyError(MoneyReason.SIGN, "The units and nanos of an amount have different signs.")
    if abs(nanos) >= NANOS_PER_UNIT or abs(units) > _INT64_MAX:
        raise MoneyError(MoneyReason.RANGE, "The units or nanos of an amount are out of range.")
    minor_of_nanos, finer = divmod(abs(nanos) * scale, NANOS_PER_UNIT)
    if finer:
        raise MoneyError(MoneyReason.PRECISION, f"The amount is finer than the smallest unit of {currency}.")
    return Money(currency, units * scale + (-minor_of_nanos if nanos < 0 else minor_of_nanos))


def total(currency: str, amounts: Iterable[Money]) -> Money:
    """Returns the sum of amounts in one currency; zero when there are none."""
    result = Money(currency, 0)
    for amount in amounts:
        result += amount
    return result


def allocate(amount: Money, weights: Sequence[int]) -> list[Money]:
    """Splits an amount in proportion to weights (integers, none negative, not all zero); the parts always add up to
    the amount.

    Each part is rounded towards zero; the minor units left over go to the largest remainders, the earlier one on a tie.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise MoneyError(MoneyReason.WEIGHTS, "No weight may be negative, and one must be positive.")
    size, sign = abs(amount.minor), -1 if amount.minor < 0 else 1
    parts = [size * weight // whole for weight in weights]
    left_over = size - sum(parts)
    by_remainder = sorted(range(len(weights)), key=lambda index: (-(size * weights[index] % whole), index))
    for index in by_remainder[:left_over]:
        parts[index] += 1
    return [Money(amount.currency, sign * part) for part in parts]
