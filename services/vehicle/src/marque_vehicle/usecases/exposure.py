"""Counting cars in use, a month at a time, in steps that a crash cannot count twice."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_vehicle.repository import exposure as repository
from marque_vehicle.rules import exposure as rules

COUNT = "exposure.count"
_STEP = 10_000  # cars in one transaction


async def count_from(*, uow: UnitOfWork, first: date) -> Any:
    """Makes all months from one on due to be counted anew. Raises InvalidArgument."""
    present = uow.now.date()
    if not rules.EARLIEST <= first <= present:
        raise InvalidArgument.of("month_from", "MONTH_OUT_OF_RANGE", "Give a month from 1990 to the present one.")
    months = rules.months(first, present)
    async with uow:
        for month in months:  # before the months are locked: a worker takes its work first too
            await uow.schedule(COUNT, month.isoformat(), uow.now)
        await repository.start_anew(uow.session, months)
        uow.audit("count", "exposure", months[0].isoformat())
        return await uow.answer(months)


async def count(uow: UnitOfWork, key: str) -> datetime | None:
    """Counts the next cars of a month; the last step shows the month, and makes the one after due, once it begins."""
    month = date.fromisoformat(key)
    found = await repository.lock_month(uow.session, month)
    beginning = datetime.combine(month, time.min, UTC)
    seen, last = await repository.count_step(uow.session, month, found.run, found.after_vin, beginning, _STEP)
    if seen == _STEP:
        await repository.go_on(uow.session, month, last)
        return uow.now
    await repository.show(uow.session, month, found.run, uow.now)
    following = rules.next_month(month)
    if not await repository.was_begun(uow.session, following):
        await uow.schedule(COUNT, following.isoformat(), datetime.combine(following, time.min, UTC))
    return None
