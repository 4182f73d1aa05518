"""Importing the channel feed, keyed by dealer, day and source: a chunk in a few statements.

A row says the whole day; an empty amount is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from google.protobuf.message import Message
from marque.vehicle.v1 import channel_day_import_rows_pb2
from servicekit.bulk.rows import CREATED, UNCHANGED, UPDATED, ImportOptions, RowOutcome
from servicekit.db.uow import UnitOfWork, Work

from marque_vehicle.models import ChannelDay
from marque_vehicle.repository import channel_days as repository
from marque_vehicle.repository import scope as scopes
from marque_vehicle.usecases.imports.reading import Reading, ordered, waves
from marque_vehicle.usecases.imports.shared import Dealers, dealers_of, take_dealer

_COUNT = re.compile(r"[0-9]{1,12}")
_COUNTS = ("stock_count", "stock_age_days", "stock_over_90_count", "parts_count")
_AMOUNTS = ("parts_value", "receipts", "receivables")
_SAID = (*_COUNTS, "currency", *_AMOUNTS)


class ChannelDayImporter:
    """Days of the channel feed. A dealer's system tells its own dealers' days."""

    kind = "channel-days"
    permission = "vehicle.channel_days.import"
    row: type[Message] = channel_day_import_rows_pb2.ChannelDayImportRow

    def __init__(self, work: Work) -> None:
        self._work = work

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk; of two rows of one key the later one counts."""
        scope = await scopes.visible_to(self._work.reader, options.principal)
        dealers = await dealers_of(self._work.reader, scope, rows)
        readings = [_read(row, dealers, options.source, uow.now.date()) for row in rows]
        outcomes = {place: reading.rejected for place, reading in enumerate(readings) if reading.violations}
        good = [(place, reading) for place, reading in enumerate(readings) if not reading.violations]
        for wave in waves(good, lambda one: one[1].key):
            known = await repository.known(uow.session, [_key(reading) for _, reading in wave])
            changed = []
            for place, reading in wave:
                before = known.get(_key(reading))
                same = before is not None and all(getattr(before, name) == reading.values[name] for name in _SAID)
                outcomes[place] = reading.outcome(CREATED if before is None else UNCHANGED if same else UPDATED)
                if not same:
                    changed.append({**reading.values, "update_time": uow.now})
            uow.session.expire_all()
            await repository.put_all(uow.session, sorted(changed, key=lambda row: (row["dealer_id"], row["day"])))
            for row in changed:
                uow.audit("import", ChannelDay.__tablename__.removesuffix("s"), f"{row['dealer_id']}/{row['day']}")
        return ordered(readings, outcomes)


def _key(reading: Reading) -> tuple[Any, ...]:
    return reading.values["dealer_id"], reading.values["day"], reading.values["source"]


def _read(row: Any, dealers: Dealers, source: str, today: date) -> Reading:
    found = Reading(row.row)
    values = found.values
    found.key = f"{row.dealer_code.strip()}/{row.date.strip()}"
    take_dealer(found, row.dealer_code, dealers)
    values["day"] = day = found.day("date", row.date)
    if day is not None and not date(2000, 1, 1) <= day <= today + timedelta(days=1):
        found.refuse("date", "DATE_OUT_OF_RANGE", "Give a day between 2000 and today.")
    values["source"] = source
    for name in _COUNTS:
        text = getattr(row, name).strip()
        if text and not _COUNT.fullmatch(text):
            found.refuse(name, "NUMBER_INVALID", "Give a whole number, not below zero.")
        values[name] = int(text) if _COUNT.fullmatch(text) else 0
    if not found.violations and values["stock_over_90_count"] > values["stock_count"]:
        found.refuse("stock_over_90_count", "COUNT_ABOVE_STOCK", "No more cars can be old than there are.")
    currency = row.currency_code.strip().upper()
    values |= {name: found.amount(name, getattr(row, name), currency) for name in _AMOUNTS}
    values["currency"] = currency if any(values[name] is not None for name in _AMOUNTS) else ""
    return found
