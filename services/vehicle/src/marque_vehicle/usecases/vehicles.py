"""Registering and changing cars."""

from __future__ import annotations

from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation

from marque_vehicle import events
from marque_vehicle.errors import VehicleNotFound, VinInvalid
from marque_vehicle.models import Vehicle
from marque_vehicle.repository import vehicles
from marque_vehicle.repository.scope import Scope
from marque_vehicle.rules import vins
from marque_vehicle.usecases import maintenance


def check_vin(typed: str, market: str, field: str) -> str:
    """Returns a VIN that may be registered in a market. Raises VinInvalid."""
    found = vins.check(typed, market)
    if not found.valid:
        raise VinInvalid(
            violations=[
                FieldViolation(field, one.reason, one.description) for one in found.problems if not one.advisory
            ]
        )
    return found.vin


async def register_vehicle(*, uow: UnitOfWork, scope: Scope, vin: str, values: dict[str, Any]) -> Any:
    """Registers a car; a dealer who does so has to do with it."""
    async with uow:
        vehicle = Vehicle(vin=vin, **values)
        uow.add(vehicle)
        await uow.flush()
        await vehicles.index(uow.session, vehicle)
        await vehicles.relate(uow.session, scope.dealers, vin, vehicle.update_time)
        uow.emit(events.vehicle_registered(vehicle), of=vehicle)
        uow.audit("create", "vehicle", vin)
        return await uow.answer(vehicle)


async def update_vehicle(*, uow: UnitOfWork, scope: Scope, vin: str, values: dict[str, Any], etag: str) -> Any:
    """Changes a car that the caller has to do with."""
    async with uow:
        vehicle = await vehicles.lock_related(uow.session, scope, vin)
        if vehicle is None:
            raise VehicleNotFound()
        vehicle.check_etag(etag)
        changed = vehicle.change(values)
        if "market" in changed:
            check_vin(vin, vehicle.market, "vehicle.market")
        await uow.flush()
        if {"engine_number", "plate_number"} & set(changed):
            await vehicles.index(uow.session, vehicle)
        if changed:
            uow.emit(events.vehicle_updated(vin, vehicle.status, changed), of=vehicle)
            await maintenance.look_later(uow, [vin])
            uow.audit("update", "vehicle", vin, tuple(changed))
        return await uow.answer(vehicle)
