"""Appointments: booking, moving, calling off, coming, and what time makes of them."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_vehicle.errors import (
    AppointmentNotFound,
    HolidaysNotKnown,
    OutsideWorkingHours,
    RepairOrderNotFound,
    SlotTaken,
    VehicleNotFound,
)
from marque_vehicle.events import appointments as events
from marque_vehicle.models import Appointment
from marque_vehicle.repository import appointments as repository
from marque_vehicle.repository import diary, vehicles
from marque_vehicle.repository.scope import Scope
from marque_vehicle.rules.diary import (
    ADVISER,
    BAY,
    DEFAULT_MINUTES,
    FURTHEST,
    LOAN_CAR,
    SHORTEST_MINUTES,
    WORDS,
    HolidaysUnknown,
    Hours,
    Policy,
    is_open_for,
)
from marque_vehicle.rules.odometer import APPOINTMENT
from marque_vehicle.usecases import odometer

REMIND, MISS = "appointment.remind", "appointment.miss"


def length_of(minutes: int, field: str) -> timedelta:
    """Returns how long a visit is. Raises InvalidArgument."""
    if minutes and minutes < SHORTEST_MINUTES:
        raise InvalidArgument.of(field, "DURATION_TOO_SHORT", f"A visit is at least {SHORTEST_MINUTES} minutes long.")
    return timedelta(minutes=minutes or DEFAULT_MINUTES)


def check_time(start: datetime, now: datetime, field: str) -> None:
    """Raises InvalidArgument for a beginning that cannot be agreed on."""
    if start.second or start.microsecond:
        raise InvalidArgument.of(field, "TIME_NOT_A_MINUTE", "Give a whole minute.")
    if start < now:
        raise InvalidArgument.of(field, "TIME_IN_PAST", "Give a moment that is to come.")
    if start > now + FURTHEST:
        raise InvalidArgument.of(field, "TIME_TOO_FAR", "Give a moment within a year.")


def check_open(hours: Hours, start: datetime, end: datetime) -> None:
    """Raises OutsideWorkingHours, HolidaysNotKnown."""
    try:
        is_open = is_open_for(hours.calendar(), start, end)
    except HolidaysUnknown as error:
        raise HolidaysNotKnown(country=error.country, year=error.year) from error
    if not is_open:
        raise OutsideWorkingHours(version=hours.version)


async def book(*, uow: UnitOfWork, hours: Hours, policy: Policy, values: dict[str, Any]) -> Any:
    """Books a visit. What it takes is taken in the same transaction, or nothing is."""
    async with uow:
        await diary.lock(uow.session, values["dealer_id"])
        vehicle = await vehicles.lock_vehicle(uow.session, values["vin"])
        if vehicle is None:
            raise VehicleNotFound()
        vehicle.check_usable()
        check_open(hours, values["start_time"], values["end_time"])
        await diary.keep_hours(uow.session, hours, uow.now)
        made = Appointment(**values, calendar_department=hours.department, calendar_version=hours.version)
        uow.add(made)
        await uow.flush()
        await _take(uow, made, values["adviser_id"])
        await _schedule(uow, policy, made)
        await uow.flush()
        await vehicles.relate(uow.session, [made.dealer_id], made.vin, vehicle.update_time)
        uow.emit(events.appointment_booked(made), of=made)
        uow.audit("create", "appointment", str(made.appointment_id))
        return await uow.answer(made)


async def _take(uow: UnitOfWork, made: Appointment, wanted: uuid.UUID | None) -> None:
    """Takes bay, adviser and loan car, in this order. Raises SlotTaken."""
    made.bay_id = await diary.take(uow.session, made, BAY, None, made.bay_id)
    if made.bay_id is None:
        raise SlotTaken(what=WORDS[BAY])
    if wanted is not None or await diary.has_kind(uow.session, made.dealer_id, ADVISER):
        made.adviser_id = await diary.take(uow.session, made, ADVISER, wanted, made.adviser_id)
        if made.adviser_id is None:
            raise SlotTaken(what=WORDS[ADVISER])
        made.adviser_staff_id = await diary.staff_of(uow.session, made.adviser_id)
    if made.loan_car:
        made.loan_car_id = await diary.take(uow.session, made, LOAN_CAR, None, made.loan_car_id)
        if made.loan_car_id is None:
            raise SlotTaken(what=WORDS[LOAN_CAR])


async def _schedule(uow: UnitOfWork, policy: Policy, made: Appointment) -> None:
    made.remind_time, made.reminded_time = policy.remind_time(made.start_time, uow.now), None
    key = str(made.appointment_id)
    if made.remind_time is not None:
        await uow.schedule(REMIND, key, made.remind_time)
    await uow.schedule(MISS, key, made.start_time + policy.grace)


async def _locked(uow: UnitOfWork, scope: Scope, appointment_id: uuid.UUID, etag: str) -> Appointment:
    made = await repository.lock_appointment(uow.session, scope, appointment_id)
    if made is None:
        raise AppointmentNotFound()
    made.check_etag(etag)
    return made


async def move(
    *, uow: UnitOfWork, scope: Scope, hours: Hours, policy: Policy, appointment_id: uuid.UUID, start: datetime, minutes: int,
    adviser_id: uuid.UUID | None, etag: str,
) -> Any:  # fmt: skip
    """Moves a visit: what it took is given back and taken anew, or all stays as it was."""
    async with uow:
        await diary.lock(uow.session, hours.dealer_id)
        made = await _locked(uow, scope, appointment_id, etag)
        length = length_of(minutes, "duration_minutes") if minutes else made.end_time - made.start_time
        made.check_to_come()
        check_open(hours, start, start + length)
        await diary.keep_hours(uow.session, hours, uow.now)
        await diary.give_back(uow.session, appointment_id)
        former = made.move(start, start + length, (hours.department, hours.version))
        await uow.flush()
        await _take(uow, made, adviser_id)
        await _schedule(uow, policy, made)
        await uow.flush()
        uow.emit(events.appointment_moved(made, former), of=made)
        uow.audit("move", "appointment", str(appointment_id), ("start_time",))
        return await uow.answer(made)


async def cancel(*, uow: UnitOfWork, scope: Scope, appointment_id: uuid.UUID, reason: str, etag: str) -> Any:
    """Calls a visit off and gives back what it took."""
    async with uow:
        made = await _locked(uow, scope, appointment_id, etag)
        made.cancel(reason)
        await diary.give_back(uow.session, appointment_id)
        await uow.flush()
        uow.emit(events.appointment_cancelled(made), of=made)
        uow.audit("cancel", "appointment", str(appointment_id))
        return await uow.answer(made)


async def check_in(
    *, uow: UnitOfWork, scope: Scope, appointment_id: uuid.UUID, repair_order_id: uuid.UUID | None, km: int, etag: str
) -> Any:
    """Says that the car came; an odometer that was read is kept with the car."""
    async with uow:
        made = await _locked(uow, scope, appointment_id, etag)
        if repair_order_id is not None and not await repository.is_visit_of(uow.session, made, repair_order_id):
            raise RepairOrderNotFound(repair_order_id=repair_order_id)
        made.arrive(uow.now, repair_order_id)
        vehicle = await vehicles.lock_vehicle(uow.session, made.vin) if km else None
        if vehicle is not None:
            source_id = str(appointment_id)
            await odometer.note(uow, vehicle, km, uow.now, replaced=False, source=APPOINTMENT, source_id=source_id)
        await uow.flush()
        uow.emit(events.appointment_arrived(made), of=made)
        uow.audit("check_in", "appointment", str(appointment_id))
        return await uow.answer(made)


async def remind(uow: UnitOfWork, key: str) -> datetime | None:
    """Says once that a reminder is due, unless the visit was called off; one that was moved is reminded of later."""
    made = await repository.lock_appointment(uow.session, Scope(everything=True), uuid.UUID(key))
    if made is None or made.state != Appointment.BOOKED or made.remind_time is None or made.reminded_time is not None:
        return None
    if made.remind_time > uow.now:
        return made.remind_time
    made.reminded_time = uow.now
    await uow.flush()
    uow.emit(events.appointment_reminder_due(made), of=made)
    return None


async def miss(uow: UnitOfWork, key: str, policy: Policy) -> datetime | None:
    """Says that nobody came, and gives back what was taken; of a visit that was moved, later."""
    made = await repository.lock_appointment(uow.session, Scope(everything=True), uuid.UUID(key))
    if made is None or made.state != Appointment.BOOKED:
        return None
    if made.start_time + policy.grace > uow.now:
        return made.start_time + policy.grace
    made.miss()
    await diary.give_back(uow.session, made.appointment_id)
    await uow.flush()
    uow.emit(events.appointment_missed(made), of=made)
    return None
