"""Dealers' hours: heard that they changed, asked for outside every transaction, and applied to the clocks that run."""

from __future__ import annotations

import uuid
from typing import Any

from marque.network.v1 import calendar_pb2
from servicekit.db.uow import UnitOfWork, Work
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.telemetry import spans

from marque_customer.clients import Network
from marque_customer.repository import lead_work
from marque_customer.usecases.leads import common

AT_ONCE = 50
_CLOCKS = 500
_DEPARTMENTS = ("", "sales")


async def mark_stale(*, uow: UnitOfWork, dealer_id: uuid.UUID, department: str) -> None:
    """Notes that the hours of a dealer's sales department may be others now."""
    if department in _DEPARTMENTS:
        async with uow:
            await lead_work.mark_hours_stale(uow.session, dealer_id, uow.now)


async def sweep(*, work: Work, network: Network) -> bool:
    """Asks for the hours of up to 50 dealers; returns whether more may be left. Raises Unavailable while network is away."""
    rows = await lead_work.stale_hours(work.reader, AT_ONCE)
    for row in rows:
        told = await network.hours(row["dealer_id"])
        async with work(Call(SYSTEM, "sweep:calendars")) as uow:
            values = _values(told) if told is not None else None
            await lead_work.keep_hours(uow.session, row["dealer_id"], row["stale_time"], values, uow.now)
            await _run_clocks(uow, row["dealer_id"])
    return len(rows) == AT_ONCE


async def _run_clocks(uow: UnitOfWork, dealer_id: uuid.UUID) -> None:
    """Computes the clocks of a dealer's unanswered leads anew, from when it got them."""
    for lead in await lead_work.on_the_clock(uow.session, dealer_id, _CLOCKS):
        with spans.resumed_span("lead.clock", lead.traceparent):
            await common.run_clock(uow, lead)
            await uow.flush()


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


def _shifts(intervals: Any) -> list[str]:
    return [f"{one.start}-{one.end}" for one in intervals]
