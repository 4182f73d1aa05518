"""Readings of odometers that are told by themselves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_vehicle.errors import OdometerBelowLatest, VehicleNotFound
from marque_vehicle.models import Vehicle
from marque_vehicle.repository import odometer as repository
from marque_vehicle.repository import vehicles
from marque_vehicle.repository.scope import Scope
from marque_vehicle.rules import odometer as rules
from marque_vehicle.usecases import maintenance

_CLOCK_SLACK = timedelta(minutes=5)


async def note(
    uow: UnitOfWork, vehicle: Vehicle, km: int, moment: datetime, *, replaced: bool, source: int, source_id: str
) -> rules.Judged:
    """Keeps a reading of a locked car, which becomes the car's own unless it does not fit. Returns it in the light of all."""
    series = (await repository.series_of(uow.session, [vehicle.vin]))[vehicle.vin]
    start = await repository.start_of(uow.session, vehicle.vin)
    key = await repository.add(
        uow.session, vehicle.vin, moment, km, replaced=replaced, source=source, source_id=source_id, now=uow.now
    )
    made = rules.Reading(moment, km, source, key, replaced)
    found = next(one for one in rules.judge({*series, made}, start) if one.reading == made)
    if found.flag == rules.CREDIBLE:
        try:
            vehicle.read_odometer(km, moment, replaced=replaced)
        except OdometerBelowLatest:  # credible beside the others, of which the car's own was a slip of the pen
            vehicle.read_odometer(km, moment, replaced=True)
    await maintenance.look_later(uow, [vehicle.vin])
    return found


async def record(*, uow: UnitOfWork, scope: Scope, vin: str, km: int, moment: datetime | None, replaced: bool) -> Any:
    """Keeps a reading of a car that the caller has to do with."""
    async with uow:
        moment = moment or uow.now
        if moment > uow.now + _CLOCK_SLACK:
            raise InvalidArgument.of("read_time", "TIME_IN_FUTURE", "Give a moment that is not in the future.")
        vehicle = await vehicles.lock_at_hand(uow.session, scope, vin)
        if vehicle is None:
            raise VehicleNotFound()
        found = await note(uow, vehicle, km, moment, replaced=replaced, source=rules.TOLD, source_id="")
        await uow.flush()
        uow.audit("record", "odometer", vin)
        return await uow.answer(found)
