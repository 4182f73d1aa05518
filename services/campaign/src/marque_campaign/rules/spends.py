"""Rows of files about money spent outside campaigns: what each one says, or what is wrong with it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from marque.type.v1 import channel_pb2
from servicekit.bulk.rows import CREATED, REJECTED, UNCHANGED, UPDATED, RowOutcome
from servicekit.errors import FieldViolation
from tradekit import money

MOST = 2**53
_MONTH = re.compile(r"(19|20)\d\d-(0[1-9]|1[0-2])", re.ASCII)
_AMOUNT = re.compile(r"\d{1,16}(\.\d{1,9})?", re.ASCII)
_CHANNELS = {
    one.name.removeprefix("CHANNEL_"): one.number for one in channel_pb2.Channel.DESCRIPTOR.values if one.number
}


@dataclass(slots=True)
class Reading:
    """A row as it was read: the code of its dealer, the columns of the spend without its owner, or what is wrong."""

    row: int
    dealer_code: str
    values: dict[str, Any] = field(default_factory=dict)
    violations: list[FieldViolation] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What the row is known by to who sent it: never the note, which would be kept with a row that is refused."""
        told = self.values
        return f"{told['month']}/{told['channel']}/{told['source']}"[:100]

    def refuse(self, path: str, reason: str, text: str) -> None:
        """Notes what is wrong."""
        self.violations.append(FieldViolation(path, reason, text))

    def outcome(self, outcome: int) -> RowOutcome:
        """What became of the row."""
        return RowOutcome(self.row, self.key, outcome, tuple(self.violations))

    @property
    def rejected(self) -> RowOutcome:
        """The outcome of a row that is refused."""
        return self.outcome(REJECTED)


def read(row: Any) -> Reading:
    """Reads a row that keeps the rules of the contract."""
    found = Reading(row.row, row.dealer_code.strip())
    month, channel = row.month.strip(), row.channel.strip().upper().removeprefix("CHANNEL_")
    currency, note = row.currency_code.strip().upper(), row.note.strip()
    named = _CHANNELS.get(channel, 0)
    found.values = {
        "month": month,
        "day": date.fromisoformat(f"{month}-01") if _MONTH.fullmatch(month) else None,
        "channel": named,
        "source": row.source,
        "currency": currency,
        "minor": 0,
        "note": note,
        "source_key": row.source_key.strip() or f"file:{month}/{named}/{row.source}/{currency}/{note}",
    }
    if found.values["day"] is None:
        found.refuse("month", "PERIOD_INVALID", "Give a month as YYYY-MM.")
    if channel and not named:
        found.refuse("channel", "WORD_UNKNOWN", "It is none of the words of Channel.")
    _take_amount(found, row.amount.strip(), currency)
    return found


def _take_amount(found: Reading, text: str, currency: str) -> None:
    try:
        digits = money.digits(currency)
    except money.MoneyError:
        found.refuse("currency_code", "CURRENCY_UNKNOWN", "The currency is not an ISO 4217 code in use.")
        return
    minor = Decimal(text).scaleb(digits) if _AMOUNT.fullmatch(text) else Decimal(-1)
    if not 0 <= minor < MOST or minor != int(minor):
        asked = (
            f"Give a decimal number with a point, at most {digits} digits after it, without grouping, not below zero."
        )
        found.refuse("amount", "AMOUNT_INVALID", asked)
        return
    found.values["minor"] = int(minor)


def outcome_of(told: Mapping[str, Any], before: Mapping[str, Any] | None) -> int:
    """Returns what a row makes of what is known under its key; `told` and `before` have the same columns."""
    if before is None:
        return CREATED
    return UNCHANGED if told == before else UPDATED
