"""Reading the texts of import rows. What is wrong is collected field by field and never repeats the value."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from typing import Any, TypeVar

from servicekit.bulk.rows import REJECTED, RowOutcome
from servicekit.errors import FieldViolation
from servicekit.ids import is_uuid
from tradekit import money

from marque_vehicle.rules import days, vins

_Row = TypeVar("_Row")
_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,4})?")
_LONGEST_AMOUNT = 20  # characters that `_DECIMAL` can match
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Reading:
    """The reading of one row: values come out, violations are kept."""

    def __init__(self, row: int) -> None:
        self.row = row
        self.key = ""
        self.violations: list[FieldViolation] = []
        self.values: dict[str, Any] = {}
        self.facts: dict[str, Any] = {}

    def refuse(self, field: str, reason: str, description: str) -> None:
        """Notes what is wrong with a field."""
        self.violations.append(FieldViolation(field, reason, description))

    @property
    def rejected(self) -> RowOutcome:
        """The outcome of a row that is wrong."""
        return RowOutcome(self.row, self.key, REJECTED, tuple(self.violations))

    def outcome(self, outcome: int) -> RowOutcome:
        """The outcome of a row that was taken."""
        return RowOutcome(self.row, self.key, outcome)

    def vin(self, text: str, market: str | None) -> str:
        """Reads a VIN; `market` None asks for its shape only, else for the law of that market (empty: of the maker's country)."""
        found = vins.shape(text) if market is None else vins.check(text, market)
        for one in found.problems:
            if not one.advisory:
                self.refuse("vin", one.reason, one.description)
        return found.vin

    def day(self, field: str, text: str) -> date | None:
        """Reads an optional day."""
        text = text.strip()
        if not text:
            return None
        try:
            if _DAY.fullmatch(text):
                return date.fromisoformat(text)
        except ValueError:
            pass
        self.refuse(field, "DATE_INVALID", "Give a calendar date as YYYY-MM-DD.")
        return None

    def moment(self, field: str, text: str, zone: str) -> datetime | None:
        """Reads an optional moment: without an offset in a zone, without an hour at the beginning of the day."""
        text = text.strip()
        if not text:
            return None
        try:
            if _DAY.fullmatch(text):
                return days.beginning(date.fromisoformat(text), zone)
            found = datetime.fromisoformat(text)
            if found.tzinfo is None:
                found = found.replace(tzinfo=days.zone(zone))
            found = found.astimezone(UTC)
            if 1900 <= found.year <= 2200:
                return found
        except (ValueError, OverflowError):
            pass
        self.refuse(field, "TIME_INVALID", "Give a moment as ISO 8601, for example 2026-03-31T14:05:00+08:00.")
        return None

    def amount(self, field: str, text: str, currency: str) -> int | None:
        """Reads an optional amount into minor units of a currency."""
        text = text.strip()
        if not text:
            return None
        if not currency:
            self.refuse("currency_code", "CURRENCY_MISSING", "Name the currency of the amounts.")
            return None
        try:
            minor = _minor(text, currency) if len(text) <= _LONGEST_AMOUNT else None
        except (InvalidOperation, money.MoneyError):
            self.refuse("currency_code", "CURRENCY_UNKNOWN", "The currency is not an ISO 4217 code in use.")
            return None
        if minor is None:
            self.refuse(
                field, "AMOUNT_INVALID", "Give a decimal number with a point, without grouping, not below zero."
            )
        return minor

    def word(self, field: str, text: str, kind: Any, default: int = 0) -> int:
        """Reads a word of an enum of the contract, in any case, with or without its prefix."""
        cleaned = text.strip().lower().replace("-", "_").replace(" ", "_")
        if not cleaned:
            return default
        found = _words(kind).get(cleaned)
        if found is None:
            self.refuse(field, "WORD_UNKNOWN", f"The value is none of the words of {kind.DESCRIPTOR.name}.")
            return default
        return found

    def customer_id(self, text: str) -> str:
        """Reads an optional customer id."""
        text = text.strip().lower()
        if text and not is_uuid(text):
            self.refuse("customer_id", "ID_INVALID", "The customer's id is not a UUID.")
            return ""
        return text


@cache
def _words(kind: Any) -> dict[str, int]:
    prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.DESCRIPTOR.name).upper() + "_"
    found = {}
    for value in kind.DESCRIPTOR.values:
        if value.number:
            found[value.name.lower()] = found[value.name.removeprefix(prefix).lower()] = value.number
    return found


@lru_cache(maxsize=4096)
def _minor(text: str, currency: str) -> int | None:
    """Minor units of an amount, None where it is no amount of the currency. Lists of prices and rates make the same amounts come again and
    again; a text is a few characters, so what is kept is small. Raises InvalidOperation, MoneyError.
    """
    if not _DECIMAL.fullmatch(text):
        return None
    scaled = Decimal(text).scaleb(money.digits(currency))
    return int(scaled) if scaled == scaled.to_integral_value() else None


def codes(text: str) -> list[str]:
    """Reads a list of codes parted by semicolons; each comes once."""
    if not text:
        return []
    if ";" not in text and "；" not in text:  # one code, as most lines have
        one = text.strip()
        return [one] if one else []
    parts = [part.strip() for part in text.replace("；", ";").split(";")]
    return list(dict.fromkeys(part for part in parts if part))


def waves(rows: Iterable[_Row], key: Callable[[_Row], Hashable]) -> list[list[_Row]]:
    """Parts rows so that no part holds a key twice, and a later statement of a key comes in a later part."""
    parts: list[list[_Row]] = []
    seen: dict[Hashable, int] = {}
    for row in rows:
        place = seen.get(key(row), -1) + 1
        seen[key(row)] = place
        if place == len(parts):
            parts.append([])
        parts[place].append(row)
    return parts


def ordered(readings: Sequence[Reading], outcomes: dict[int, RowOutcome]) -> list[RowOutcome]:
    """Returns one outcome per reading in their order; `outcomes` by the place of the reading."""
    return [outcomes[place] for place in range(len(readings))]
