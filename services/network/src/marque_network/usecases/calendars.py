"""What is done with working hours."""

from __future__ import annotations

import uuid
from dataclasses import asdict, replace
from typing import Any

from marque.network.v1 import calendar_events_pb2
from servicekit.db.base import etag_of
from servicekit.db.uow import UnitOfWork
from servicekit.errors import EtagMismatch

from marque_network.errors import DealerNotFound
from marque_network.models import WorkCalendar
from marque_network.repository import calendars as repository
from marque_network.repository import dealers
from marque_network.rules.hours import Hours


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
        uow.add(made)
        uow.emit(
            calendar_events_pb2.CalendarChanged(
                dealer_id=str(dealer_id),
                aggregate_version=made.change_number,
                department=department,
                version=made.version,
            )
        )
        uow.audit("put", "calendar", f"{dealer_id}/{department}/{made.version}")
        return await uow.answer(made)
