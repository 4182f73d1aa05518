"""The servicer of work calendars."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.paging import page_of
from servicekit.rpc.call import Call

from marque_network.errors import CalendarNotFound
from marque_network.mapping import calendars as mapping
from marque_network.mapping.parts import one_moment
from marque_network.repository import calendars as repository
from marque_network.rules import openings
from marque_network.usecases import calendars as usecases


class CalendarApi:
    """marque.network.v1.CalendarService."""

    service = "marque.network.v1.CalendarService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def PutDealerCalendar(self, request: Any, call: Call) -> Any:
        calendar = request.calendar
        return await usecases.put_calendar(
            uow=self._work(call, mapping.latest_message),
            dealer_id=uuid.UUID(calendar.dealer_id),
            department=calendar.department,
            hours=mapping.hours_of(calendar),
            etag=calendar.etag,
        )

    async def GetDealerCalendar(self, request: Any, call: Call) -> Any:
        dealer_id = uuid.UUID(request.dealer_id)
        async with self._work.read() as session:
            row = await repository.read_calendar(
                session, call.principal, dealer_id, request.department, request.version
            )
        if row is None:
            raise CalendarNotFound(dealer_id=request.dealer_id)
        return mapping.calendar_message(row, row.latest)

    async def ListDealerCalendarVersions(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = mapping.version_key(page)
        async with self._work.read() as session:
            rows = await repository.list_versions(
                session, call.principal, uuid.UUID(request.dealer_id), request.department, request.order_by, page, after
            )
        return mapping.version_page(rows, page)

    async def GetOpening(self, request: Any, call: Call) -> Any:
        at = one_moment(request, "time") or now()
        row = await self._hours(request, call)
        return mapping.opening_answer(row, at, openings.opening(row, at))

    async def ComputeDueTime(self, request: Any, call: Call) -> Any:
        start = one_moment(request, "start_time") or now()
        row = await self._hours(request, call)
        return mapping.due_answer(row, openings.due(row, start, request.working_seconds))

    async def MeasureWorkingTime(self, request: Any, call: Call) -> Any:
        span = mapping.span_of(request)
        row = await self._hours(request, call)
        return mapping.measured_answer(row, openings.measured(row, *span))

    async def _hours(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            return await usecases.hours(
                session=session,
                principal=call.principal,
                dealer_id=uuid.UUID(request.dealer_id),
                department=request.department,
                version=request.version,
            )

    async def CopyDealerCalendar(self, request: Any, call: Call) -> Any:
        return await usecases.copy_calendar(
            uow=self._work(call, mapping.latest_message),
            source=(uuid.UUID(request.from_dealer_id), request.from_department, request.from_version),
            dealer_id=uuid.UUID(request.dealer_id),
            department=request.department,
            etag=request.etag,
            own_time_zone=request.own_time_zone,
            without_exceptions=request.without_exceptions,
        )

    async def CloseDays(self, request: Any, call: Call) -> Any:
        return await usecases.close_days(
            uow=self._work(call, mapping.closed_answer),
            region_code=request.region_code,
            group_code=request.group_code,
            departments=frozenset(request.departments),
            days=mapping.days_of(request),
        )
