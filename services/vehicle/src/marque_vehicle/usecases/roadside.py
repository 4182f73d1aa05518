"""Help on the road: asked for, sent, arrived, over, and forgotten who called."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_vehicle.errors import RepairOrderNotFound, RoadsideCaseNotFound
from marque_vehicle.events import roadside as events
from marque_vehicle.models import RoadsideCase
from marque_vehicle.repository import roadside as repository
from marque_vehicle.repository import vehicles
from marque_vehicle.repository.scope import Scope
from marque_vehicle.rules.odometer import ROADSIDE
from marque_vehicle.usecases import odometer

FORGET = "roadside.forget"
_KEPT = timedelta(days=90)  # who called from where, after it was over


async def open_case(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Takes a call for help; `dealer_id` is the nearest dealer, where one was found."""
    async with uow:
        case = RoadsideCase(**values, request_time=uow.now)
        uow.add(case)
        await uow.flush()
        uow.emit(events.requested(case), of=case)
        uow.audit("open", "roadside_case", str(case.case_id))
        return await uow.answer(case)


async def _locked(uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, etag: str) -> RoadsideCase:
    case = await repository.lock_case(uow.session, scope, case_id)
    if case is None:
        raise RoadsideCaseNotFound()
    case.check_etag(etag)
    return case


async def dispatch(
    *, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, dealer_id: uuid.UUID, metres: int, etag: str
) -> Any:
    """Sends a dealer."""
    async with uow:
        case = await _locked(uow, scope, case_id, etag)
        case.dispatch(dealer_id, metres, uow.now)
        await uow.flush()
        uow.emit(events.dispatched(case), of=case)
        uow.audit("dispatch", "roadside_case", str(case_id))
        return await uow.answer(case)


async def arrive(*, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, etag: str) -> Any:
    """Says that help is there."""
    async with uow:
        case = await _locked(uow, scope, case_id, etag)
        case.arrive(uow.now)
        await uow.flush()
        uow.audit("arrive", "roadside_case", str(case_id))
        return await uow.answer(case)


async def finish(
    *,
    uow: UnitOfWork,
    scope: Scope,
    case_id: uuid.UUID,
    outcome: int,
    repair_order_id: uuid.UUID | None,
    km: int,
    etag: str,
) -> Any:
    """Says that it is over; an odometer that was read is kept with the car, where the car is registered."""

    async def end(case: RoadsideCase) -> None:
        if repair_order_id is not None and not await repository.is_visit_of(uow.session, case, repair_order_id):
            raise RepairOrderNotFound(repair_order_id=repair_order_id)
        case.finish(outcome, repair_order_id, uow.now)
        vehicle = await vehicles.lock_vehicle(uow.session, case.vin) if km else None
        if vehicle is not None:
            source_id = str(case.case_id)
            await odometer.note(uow, vehicle, km, uow.now, replaced=False, source=ROADSIDE, source_id=source_id)

    return await _close(uow, scope, case_id, etag, "finish", end)


async def cancel(*, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, reason: str, etag: str) -> Any:
    """Calls it off."""

    async def end(case: RoadsideCase) -> None:
        case.cancel(reason, uow.now)

    return await _close(uow, scope, case_id, etag, "cancel", end)


async def _close(
    uow: UnitOfWork,
    scope: Scope,
    case_id: uuid.UUID,
    etag: str,
    verb: str,
    end: Callable[[RoadsideCase], Awaitable[None]],
) -> Any:
    async with uow:
        case = await _locked(uow, scope, case_id, etag)
        await end(case)
        await uow.flush()
        await uow.schedule(FORGET, str(case_id), uow.now + _KEPT)
        uow.emit(events.closed(case), of=case)
        uow.audit(verb, "roadside_case", str(case_id))
        return await uow.answer(case)


async def forget(uow: UnitOfWork, key: str) -> datetime | None:
    """Lets go of who called from where, some time after it was over."""
    case = await repository.lock_case(uow.session, Scope(everything=True), uuid.UUID(key))
    if case is not None:
        case.forget()
        await uow.flush()
    return None
