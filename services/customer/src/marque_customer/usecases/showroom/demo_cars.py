"""Demo fleets: which cars a dealer lets people drive."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_customer.errors.showroom import DemoCarNotFound
from marque_customer.models import DemoCar
from marque_customer.repository import lead_work
from marque_customer.repository import test_drives as repository


async def create(*, uow: UnitOfWork, dealer_id: uuid.UUID | None, values: dict[str, Any]) -> Any:
    """Puts a car into a dealer's fleet, whose hours are asked for. Raises InvalidArgument, DemoCarTaken."""
    async with uow:
        if dealer_id is None or await lead_work.zone_of(uow.session, dealer_id) is None:
            raise InvalidArgument.of("demo_car.dealer_id", "DEALER_UNKNOWN", "Name the dealer whose car it is.")
        car = DemoCar(dealer_id=dealer_id, **values)
        uow.add(car)
        await lead_work.want_hours(uow.session, dealer_id, uow.now)
        await uow.flush()
        uow.audit("create", "demo_car", str(car.demo_car_id))
        return await uow.answer(car)


async def update(*, uow: UnitOfWork, demo_car_id: uuid.UUID, etag: str, values: dict[str, Any]) -> Any:
    """Changes what is told of a car. Raises DemoCarNotFound, EtagMismatch, DemoCarTaken."""
    async with uow:
        car = await repository.car(uow.session, uow.principal, demo_car_id)
        if car is None:
            raise DemoCarNotFound(demo_car_id=demo_car_id)
        car.check_etag(etag)
        changed = car.change(values)
        if changed:
            uow.audit("update", "demo_car", str(demo_car_id), changed)
        return await uow.answer(car)
