"""What is done with working hours."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from marque.network.v1 import calendar_events_pb2
from servicekit.db.base import etag_of
from servicekit.db.uow import UnitOfWork
from servicekit.errors import EtagMismatch, InvalidArgument
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_network.errors import CalendarNotFound, CalendarsTooMany, DealerNotFound
from marque_network.models import WorkCalendar
from marque_network.repository import calendars as repository
from marque_network.repository import dealers
from marque_network.rules.hours import Hours

MOST_CALENDARS = 2000
MOST_EXCEPTIONS = 1000  # as the contract allows in one calendar


@dataclass(frozen=True, slots=True)
class Closed:
    """What the closing of days did: new versions, calendars that had the days already, dealers without any calendar."""

    made: Sequence[WorkCalendar]
    unchanged: int
    without: Sequence[str]


async def put_calendar(*, uow: UnitOfWork, dealer_id: uuid.UUID, department: str, hours: Hours, etag: str) -> Any:
    """Writes hours as a new version; equal hours make none.

    An empty zone is resolved to the dealer's at this moment: a version never changes, also when the dealer's zone does.
    """
    async with uow:
        dealer = await dealers.lock_own_dealer(uow.session, uow.principal, dealer_id)
        if dealer is None:
            raise DealerNotFound(dealer_id=dealer_id)
        hours = replace(hours, time_zone=hours.time_zone or dealer.time_zone)
        latest = await repository.latest_calendar(uow.session, dealer_id, department)
        if etag and etag.strip('"') != (etag_of(latest.version) if latest else ""):
            raise EtagMismatch()
        if latest is not None and all(getattr(latest, name) == value for name, value in asdict(hours).items()):
            return await uow.answer(latest)
        made = WorkCalendar(
            dealer_id=dealer_id,
            department=department,
            version=latest.version + 1 if latest else 1,
            change_number=await repository.next_change_number(uow.session, dealer_id),
            create_time=uow.now,
            **asdict(hours),
        )
        _written(uow, made, "put")
        return await uow.answer(made)


async def copy_calendar(
    *,
    uow: UnitOfWork,
    source: tuple[uuid.UUID, str, int],
    dealer_id: uuid.UUID,
    department: str,
    etag: str,
    own_time_zone: bool,
    without_exceptions: bool,
) -> Any:
    """Writes the hours `source` (dealer, department, version) as a new version of those of another."""
    async with uow:
        found = await repository.read_calendar(uow.session, uow.principal, *source)
        if found is None:
            raise CalendarNotFound(dealer_id=source[0])
        hours = Hours(
            time_zone="" if own_time_zone else found.time_zone,
            week=found.week,
            holiday_country=found.holiday_country,
            exceptions={} if without_exceptions else found.exceptions,
        )
        return await put_calendar(uow=uow, dealer_id=dealer_id, department=department, hours=hours, etag=etag)


async def close_days(
    *, uow: UnitOfWork, region_code: str, group_code: str, departments: frozenset[str], days: Mapping[str, Any]
) -> Any:
    """Writes days (`rules.hours.Hours.exceptions`) into all calendars of a region or group, each as one new version."""
    async with uow:
        dealers_found = await repository.lock_scope(uow.session, uow.principal, region_code, group_code)
        latest = await repository.latest_of(uow.session, list(dealers_found))
        numbers = await repository.change_numbers(uow.session, list(dealers_found))
        wanted = [one for one in latest if not departments or one.department in departments]
        changing = [one for one in wanted if any(one.exceptions.get(day) != given for day, given in days.items())]
        if len(changing) > MOST_CALENDARS:
            raise CalendarsTooMany(limit=MOST_CALENDARS)
        made = []
        for one in changing:
            numbers[one.dealer_id] += 1
            made.append(_next(one, {**one.exceptions, **days}, numbers[one.dealer_id], uow.now))
            _written(uow, made[-1], "close_days")
        without = sorted(str(dealer_id) for dealer_id in dealers_found if dealer_id not in numbers)
        return await uow.answer(Closed(made, len(wanted) - len(changing), without))


def _next(one: WorkCalendar, exceptions: dict[str, Any], change_number: int, at: datetime) -> WorkCalendar:
    if len(exceptions) > MOST_EXCEPTIONS:
        text = f"The calendar of {one.dealer_id} would have more than {MOST_EXCEPTIONS} days."
        raise InvalidArgument.of("exceptions", "EXCEPTIONS_TOO_MANY", text)
    same = ("dealer_id", "department", "time_zone", "week", "holiday_country")
    return WorkCalendar(
        **{name: getattr(one, name) for name in same},
        version=one.version + 1,
        change_number=change_number,
        exceptions=dict(sorted(exceptions.items())),
        create_time=at,
    )


def _written(uow: UnitOfWork, made: WorkCalendar, action: str) -> None:
    uow.add(made)
    uow.emit(
        calendar_events_pb2.CalendarChanged(
            dealer_id=str(made.dealer_id),
            aggregate_version=made.change_number,
            department=made.department,
            version=made.version,
        )
    )
    uow.audit(action, "calendar", f"{made.dealer_id}/{made.department}/{made.version}")


async def hours(
    *, session: AsyncSession, principal: Principal, dealer_id: uuid.UUID, department: str, version: int
) -> Any:
    """Returns the row of hours in the caller's sight; of the dealer for a department without its own."""
    row = await repository.read_calendar(session, principal, dealer_id, department, version)
    if row is None:
        raise CalendarNotFound(dealer_id=dealer_id)
    return row
