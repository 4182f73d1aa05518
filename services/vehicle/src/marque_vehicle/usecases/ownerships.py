"""Starting, handing on and ending ownerships. What was known before is kept: rows are added, never overwritten."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.base import etag_of
from servicekit.db.uow import UnitOfWork
from servicekit.errors import EtagMismatch, InvalidArgument

from marque_vehicle import events
from marque_vehicle.errors import OwnershipNotFound, VehicleNotFound
from marque_vehicle.models import Ownership
from marque_vehicle.repository import ownerships, vehicles
from marque_vehicle.repository.scope import Scope


def check_past(moment: datetime, now: datetime, field: str) -> None:
    """Raises InvalidArgument for a moment that is still to come: what will be is not known."""
    if moment > now:
        raise InvalidArgument.of(field, "TIME_IN_FUTURE", "Give a moment that is not in the future.")


async def start_ownership(*, uow: UnitOfWork, scope: Scope, vin: str, values: dict[str, Any]) -> Any:
    """Starts an ownership beside others of other people."""
    async with uow:
        check_past(values["valid_from"], uow.now, "ownership.valid_start_time")
        known = await ownerships.lock(uow.session, [vin])
        if await vehicles.lock_related(uow.session, scope, vin) is None:
            raise VehicleNotFound()
        row = Ownership(vin=vin, known_from=known, **values)
        uow.add(row)
        await uow.flush()
        uow.emit(events.ownership_started(row))
        uow.audit("create", "ownership", str(row.ownership_id))
        return await uow.answer(row)


async def transfer_ownership(
    *,
    uow: UnitOfWork,
    scope: Scope,
    ownership_id: uuid.UUID,
    vin: str,
    to: uuid.UUID,
    moment: datetime,
    source: str,
    etag: str,
) -> Any:
    """Ends an ownership and starts one of the same role for another customer at the same instant."""
    async with uow:
        check_past(moment, uow.now, "transfer_time")
        known = await ownerships.lock(uow.session, [vin])
        row = await _for_change(uow, scope, ownership_id, etag)
        ended = row.handed_on(moment, known)
        await uow.flush()  # the old row's known time ends before the rows that follow are judged by the database
        started = Ownership(
            vin=row.vin, customer_id=to, role=row.role, valid_from=moment, known_from=known, source=source
        )
        uow.add(ended, started)
        await uow.flush()
        uow.emit(events.ownership_ended(ended, moment, voided=False))
        uow.emit(events.ownership_started(started))
        uow.audit("transfer", "ownership", str(ownership_id))
        return await uow.answer((ended, started))


async def end_ownership(
    *, uow: UnitOfWork, scope: Scope, ownership_id: uuid.UUID, vin: str, moment: datetime, reason: int, etag: str
) -> Any:
    """Ends an ownership that nobody follows on."""
    async with uow:
        check_past(moment, uow.now, "valid_end_time")
        known = await ownerships.lock(uow.session, [vin])
        row = await _for_change(uow, scope, ownership_id, etag)
        (ended,) = await end_all(uow, [row], moment, known, reason)
        uow.audit("end", "ownership", str(ownership_id))
        return await uow.answer(ended)


async def end_all(
    uow: UnitOfWork,
    rows: list[Ownership],
    moment: datetime,
    known: datetime,
    reason: int,
    sale_id: uuid.UUID | None = None,
) -> list[Ownership]:
    """Ends ownerships of one car inside the open transaction, by a sale where one is named; returns the rows that follow."""
    ended = [row.ended(moment, known, reason, sale_id) for row in rows]
    await uow.flush()  # the old rows' known time ends before the rows that follow are judged by the database
    uow.add(*ended)
    await uow.flush()
    for row in ended:
        uow.emit(events.ownership_ended(row, moment, voided=False))
    return ended


async def _for_change(uow: UnitOfWork, scope: Scope, ownership_id: uuid.UUID, etag: str) -> Ownership:
    row = await ownerships.known(uow.session, ownership_id)
    if row is None or not await vehicles.related(uow.session, scope, row.vin):
        raise OwnershipNotFound()
    if etag and etag.strip('"') != etag_of(row.version):
        raise EtagMismatch()
    return row
