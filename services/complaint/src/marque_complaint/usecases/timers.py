"""What time makes of cases: promises that are broken, and dealers' hours that became others."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from marque.network.v1 import calendar_pb2
from servicekit.db.uow import UnitOfWork, Work
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call

from marque_complaint.clients import Network
from marque_complaint.errors import CaseNotFound
from marque_complaint.repository import clocks as rows
from marque_complaint.repository.scope import EVERYTHING
from marque_complaint.usecases import common

AT_ONCE = 50
_CASES = 200
_DEPARTMENTS = ("", "service")


async def tick(uow: UnitOfWork, key: str) -> datetime | None:
    """Tells of promises of a case that are broken by now; returns when the next one would be, None for never.

    The claim of the due work, the row that keeps the breach and its events are one transaction: whoever is killed meanwhile, it acts once.
    """
    try:
        case = await common.found(uow, EVERYTHING, uuid.UUID(key))
    except CaseNotFound:
        return None
    following = await common.schedule(uow, case, (await rows.stored(uow.session, case.case_id)).values())
    await uow.flush()
    return following


async def hours_changed(*, uow: UnitOfWork, dealer_id: uuid.UUID, department: str) -> None:
    """Notes that the hours by which a dealer's cases run may be others now."""
    if department in _DEPARTMENTS:
        async with uow:
            await rows.mark_hours_stale(uow.session, dealer_id, uow.now)


async def ask_hours(*, work: Work, network: Network) -> bool:
    """Asks for the hours of up to 50 dealers and runs their clocks by them; returns whether more may be left. Raises Unavailable."""
    stale = await rows.stale_hours(work.reader, AT_ONCE)
    for row in stale:
        told = await network.hours(row["dealer_id"])
        values = _values(told) if told is not None else None
        async with work(Call(SYSTEM, "sweep:calendars")) as uow:
            await rows.keep_hours(uow.session, row["dealer_id"], row["stale_time"], values, uow.now)
        await _run_all(work, row["dealer_id"])
    return len(stale) == AT_ONCE


async def _run_all(work: Work, dealer_id: uuid.UUID) -> None:
    """Computes the clocks of a dealer's open cases anew, some in a transaction."""
    after: uuid.UUID | None = None
    while True:
        async with work(Call(SYSTEM, "sweep:calendars")) as uow:
            found = await rows.on_the_clock(uow.session, dealer_id, after, _CASES)
            for case in found:
                await common.breach(uow, case, await rows.stored(uow.session, case.case_id))
                await common.run_clocks(uow, case)
        if len(found) < _CASES:
            return
        after = found[-1].case_id


def _values(told: calendar_pb2.WorkCalendar) -> dict[str, Any]:
    return {
        "version": told.version,
        "time_zone": told.time_zone,
        "holiday_country": told.holiday_country,
        "week": {str(int(day.day)): _shifts(day.intervals) for day in told.week},
        "exceptions": {
            f"{one.date.year:04}-{one.date.month:02}-{one.date.day:02}": _shifts(one.intervals)
            for one in told.exceptions
        },
    }


def _shifts(intervals: Iterable[calendar_pb2.WorkInterval]) -> list[str]:
    return [f"{one.start}-{one.end}" for one in intervals]
