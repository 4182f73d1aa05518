"""Test drives: each verb one transaction. What is agreed on is judged by the dealer's hours; what is taken, by the database."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from marque.customer.v1 import interaction_pb2, test_drive_events_pb2, test_drive_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument
from sqlalchemy.ext.asyncio import AsyncSession
from tradekit.clock import HolidaysUnknown, WorkCalendar

from marque_customer.errors.showroom import (
    DealerHoursUnknown,
    DemoCarNotFound,
    HolidaysNotKnown,
    OutsideWorkingHours,
    TestDriveNotFound,
)
from marque_customer.mapping.interactions import staff_of
from marque_customer.models import DemoCar, Lead, TestDrive
from marque_customer.repository import customers, lead_work
from marque_customer.repository import test_drives as repository
from marque_customer.repository.notes import Note
from marque_customer.rules import leads as lead_rules
from marque_customer.rules import test_drives as rules
from marque_customer.usecases import interactions
from marque_customer.usecases.leads import common

_VISIT = interaction_pb2.INTERACTION_KIND_VISIT
THING = "customer.test_drive"


class Slots(NamedTuple):
    """When cars can be driven, and by which hours that was judged."""

    found: Sequence[rules.Slot]
    calendar: WorkCalendar
    truncated: bool


async def slots(
    *,
    session: AsyncSession,
    dealer_id: uuid.UUID,
    demo_car_id: uuid.UUID | None,
    days: tuple[date | None, int],
    length: timedelta,
    now: datetime,
) -> Slots:
    """Returns the times at which cars of a fleet are free. Raises DealerHoursUnknown, HolidaysNotKnown."""
    calendar = await _calendar(session, dealer_id)
    begin, end = rules.days_of(calendar.zone, days[0] or now.astimezone(calendar.tz).date(), days[1])
    cars = await repository.fleet(session, dealer_id, demo_car_id)
    busy = await repository.taken(session, cars, begin, end)
    found: list[rules.Slot] = []
    try:
        for slot in rules.slots(rules.open_spans(calendar, begin, end), busy, length, now):
            if len(found) == rules.MOST_SLOTS:
                return Slots(found, calendar, True)
            found.append(slot)
    except HolidaysUnknown as error:
        raise HolidaysNotKnown(country=error.country, year=error.year) from error
    return Slots(found, calendar, False)


async def book(
    *,
    uow: UnitOfWork,
    lead_id: uuid.UUID,
    demo_car_id: uuid.UUID,
    start: datetime,
    length: timedelta,
    adviser: uuid.UUID | None,
) -> Any:
    """Books a drive. Raises LeadNotFound, LeadClosed, LeadWithoutDealer, DemoCarNotFound, InvalidArgument, and what refuses a time."""
    async with uow:
        lead, _ = await common.found(uow, lead_id)
        lead.require_dealer()
        assert lead.dealer_id is not None
        await _check_adviser(uow, lead.dealer_id, adviser)
        car = await _car(uow, demo_car_id, lead.dealer_id)
        version = await _judge(uow, lead.dealer_id, start, length)
        drive = TestDrive(
            lead_id=lead_id,
            customer_id=lead.customer_id,
            dealer_id=lead.dealer_id,
            demo_car_id=car.demo_car_id,
            vin=car.vin,
            adviser_staff_id=adviser or lead.adviser_staff_id,
            state=TestDrive.BOOKED,
            start_time=start,
            end_time=start + length,
            calendar_version=version,
            moves=0,
        )
        uow.add(drive)
        await uow.flush()
        event = test_drive_events_pb2.TestDriveBooked(lead_id=str(lead_id), **_told(drive))
        event.start_time.FromDatetime(drive.start_time)
        event.end_time.FromDatetime(drive.end_time)
        uow.emit(event, of=drive)
        await bring_to_stage(uow, lead, "TEST_DRIVE_BOOKED")
        uow.audit("book", "test_drive", str(drive.test_drive_id))
        return await uow.answer(drive)


async def bring_to_stage(uow: UnitOfWork, lead: Lead, why: str) -> None:
    """A lead whose person was reached, and who has no offer yet, is in the stage of the test drive; `why` stands in its history."""
    common.write_down(uow, lead, why)
    if lead.stage in (lead_rules.CONTACTED, lead_rules.QUALIFIED):
        before = lead.stage
        lead.advance(lead_rules.TEST_DRIVE)
        common.write_down(uow, lead, "STAGE_CHANGED", why, before=before)
        await uow.flush()
        common.say_stage(uow, lead, before)


async def _check_adviser(uow: UnitOfWork, dealer_id: uuid.UUID, adviser: uuid.UUID | None) -> None:
    if adviser is None or adviser == staff_of(uow.principal):
        return
    if await lead_work.staff_dealer(uow.session, adviser) != (True, dealer_id):
        raise InvalidArgument.of("adviser_staff_id", "STAFF_UNKNOWN", "Name somebody who works for this dealer.")


async def _car(uow: UnitOfWork, demo_car_id: uuid.UUID, dealer_id: uuid.UUID) -> DemoCar:
    """Returns a car of the dealer's fleet under lock: who books it waits for who books it."""
    car = await repository.car(uow.session, uow.principal, demo_car_id)
    if car is None or car.dealer_id != dealer_id:
        raise DemoCarNotFound(demo_car_id=demo_car_id)
    car.require_active()
    return car


async def _judge(uow: UnitOfWork, dealer_id: uuid.UUID, start: datetime, length: timedelta) -> int:
    """Returns the version of the hours by which a time is good. Raises InvalidArgument, OutsideWorkingHours and its like."""
    if start.second or start.microsecond:
        raise InvalidArgument.of("start_time", "TIME_NOT_A_MINUTE", "Give a whole minute.")
    if start < uow.now:
        raise InvalidArgument.of("start_time", "TIME_IN_PAST", "Give a moment that is to come.")
    if start > uow.now + rules.FURTHEST:
        raise InvalidArgument.of("start_time", "TIME_TOO_FAR", "Give a moment within 180 days.")
    calendar = await _calendar(uow.session, dealer_id)
    try:
        if not rules.is_open_for(calendar, start, start + length):
            raise OutsideWorkingHours()
    except HolidaysUnknown as error:
        raise HolidaysNotKnown(country=error.country, year=error.year) from error
    return calendar.version


async def _calendar(session: AsyncSession, dealer_id: uuid.UUID) -> WorkCalendar:
    calendar = await common.known_calendar(session, dealer_id)
    if calendar is None:
        raise DealerHoursUnknown()
    return calendar


async def move(
    *,
    uow: UnitOfWork,
    test_drive_id: uuid.UUID,
    etag: str,
    start: datetime,
    length: timedelta | None,
    demo_car_id: uuid.UUID | None,
) -> Any:
    """Moves a drive. Raises TestDriveNotFound, TestDriveOver, DemoCarNotFound, EtagMismatch, and what refuses a time."""
    async with uow:
        drive = await _found(uow, test_drive_id, etag)
        drive.require_open()
        assert drive.demo_car_id is not None, "only one of an event has none, and is over"
        assert drive.dealer_id is not None
        car = await _car(uow, demo_car_id or drive.demo_car_id, drive.dealer_id)
        length = length or drive.end_time - drive.start_time
        version = await _judge(uow, drive.dealer_id, start, length)
        former = drive.move(car, start, start + length, version)
        await uow.flush()
        event = test_drive_events_pb2.TestDriveMoved(**_told(drive))
        event.former_start_time.FromDatetime(former)
        event.start_time.FromDatetime(drive.start_time)
        event.end_time.FromDatetime(drive.end_time)
        uow.emit(event, of=drive)
        uow.audit("move", "test_drive", str(test_drive_id), ("start_time", "demo_car_id"))
        return await uow.answer(drive)


async def confirm(*, uow: UnitOfWork, test_drive_id: uuid.UUID, etag: str) -> Any:
    """Says that the person comes. Raises TestDriveNotFound, TestDriveOver, TestDriveConfirmed, EtagMismatch."""
    async with uow:
        drive = await _found(uow, test_drive_id, etag)
        drive.confirm()
        return await _ended(uow, drive, "confirm")


async def check_licence(*, uow: UnitOfWork, test_drive_id: uuid.UUID, etag: str) -> Any:
    """Notes that the caller saw the licence. Raises TestDriveNotFound, TestDriveOver, EtagMismatch."""
    async with uow:
        drive = await _found(uow, test_drive_id, etag)
        if drive.check_licence(staff_of(uow.principal), uow.now):
            uow.audit("check_licence", "test_drive", str(test_drive_id), ("licence_check_time",))
        return await uow.answer(drive)


async def complete(*, uow: UnitOfWork, test_drive_id: uuid.UUID, etag: str, outcome: int, note: str) -> Any:
    """Says that the car was driven. Raises TestDriveNotFound, TestDriveOver, TestDriveToCome, LicenceNotChecked, EtagMismatch."""
    async with uow:
        drive = await _found(uow, test_drive_id, etag)
        drive.complete(outcome, note, uow.now)
        said = test_drive_pb2.TestDriveOutcome.Name(outcome).removeprefix("TEST_DRIVE_OUTCOME_")  # type: ignore[arg-type]
        await note_drive(uow, drive, "test_drive.done", {"outcome": said})
        return await _ended(uow, drive, "complete")


async def miss(*, uow: UnitOfWork, test_drive_id: uuid.UUID, etag: str) -> Any:
    """Says that nobody came. Raises TestDriveNotFound, TestDriveOver, TestDriveToCome, EtagMismatch."""
    async with uow:
        drive = await _found(uow, test_drive_id, etag)
        drive.miss(uow.now)
        await note_drive(uow, drive, "test_drive.missed", {})
        return await _ended(uow, drive, "miss")


async def cancel(*, uow: UnitOfWork, test_drive_id: uuid.UUID, etag: str, reason: str) -> Any:
    """Calls a drive off. Raises TestDriveNotFound, TestDriveOver, EtagMismatch."""
    async with uow:
        drive = await _found(uow, test_drive_id, etag)
        drive.cancel(reason)
        return await _ended(uow, drive, "cancel")


async def _found(uow: UnitOfWork, test_drive_id: uuid.UUID, etag: str) -> TestDrive:
    """Returns a drive under lock, its person's row before it, as everywhere."""
    customer_id = await repository.customer_of(uow.session, uow.principal, test_drive_id)
    if customer_id is not None:
        await customers.locked(uow.session, [customer_id])
    drive = await repository.locked(uow.session, uow.principal, test_drive_id)
    if drive is None:
        raise TestDriveNotFound(test_drive_id=test_drive_id)
    drive.check_etag(etag)
    return drive


async def note_drive(uow: UnitOfWork, drive: TestDrive, sentence: str, params: dict[str, str]) -> None:
    """Puts a drive on its person's time line."""
    note = Note(
        drive.customer_id,
        _VISIT,
        sentence,
        (THING, str(drive.test_drive_id)),
        drive.dealer_id,
        drive.vin,
        drive.start_time,
        0,
        params,
    )
    await interactions.note(uow=uow, notes=[note])


async def _ended(uow: UnitOfWork, drive: TestDrive, action: str) -> Any:
    await say_state(uow, drive, action)
    return await uow.answer(drive)


async def say_state(uow: UnitOfWork, drive: TestDrive, action: str) -> None:
    """Writes a changed drive, and says how far it is."""
    await uow.flush()
    origin: dict[str, Any] = {
        name: str(getattr(drive, name) or "") for name in ("lead_id", "marketing_event_id", "event_registration_id")
    }
    event = test_drive_events_pb2.TestDriveStateChanged(**_told(drive), **origin)
    event.state, event.outcome = drive.state, drive.outcome  # type: ignore[assignment]
    uow.emit(event, of=drive)
    uow.audit(action, "test_drive", str(drive.test_drive_id), ("state",))


def _told(drive: TestDrive) -> dict[str, Any]:
    return {
        "test_drive_id": str(drive.test_drive_id),
        "customer_id": str(drive.customer_id),
        "dealer_id": str(drive.dealer_id or ""),
        "vin": drive.vin,
    }
