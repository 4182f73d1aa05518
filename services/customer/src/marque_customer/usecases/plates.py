"""Plates of known cars. Events carry none, so the vehicle service is asked, after the fact and outside every transaction."""

from __future__ import annotations

from servicekit.db.uow import UnitOfWork, Work
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call

from marque_customer.clients import Vehicles
from marque_customer.repository import cars
from marque_customer.rules import documents
from marque_customer.rules.kinds import ERASED
from marque_customer.usecases.saving import refresh_found, standing

AT_ONCE = 500
_NAME = "sweep:plates"


async def mark_stale(*, uow: UnitOfWork, vin: str) -> None:
    """Notes that a car has another plate; who has the car is found by it after the next sweep."""
    async with uow:
        await cars.mark_stale(uow.session, vin)


async def sweep(*, work: Work, vehicles: Vehicles) -> bool:
    """Asks for up to 500 plates and makes their cars' people found by them; returns whether more may be left.

    Raises Unavailable while the vehicle service is away: what is to be asked for stays noted.
    """
    rows = await cars.stale(work.reader, AT_ONCE)
    if not rows:
        return False
    told = await vehicles.plates({row["vin"] for row in rows})
    answers = [(row, documents.plate_text(told.get(row["vin"], ""))) for row in rows]
    async with work(Call(SYSTEM, _NAME)) as uow:
        # Only whose plate differs is held, in the order of ids: a car is mostly sold before it has a plate.
        touched = sorted({row["customer_id"] for row, plate in answers if row["plate"] != plate})
        live = [one for one in await standing(uow, touched) if one.status != ERASED]
        gone = set(touched) - {one.customer_id for one in live}
        await cars.keep_plates(
            uow.session,
            [
                (row["ownership_id"], row["plate_stale_time"], "" if row["customer_id"] in gone else plate)
                for row, plate in answers
            ],
        )
        await refresh_found(uow, live)
    return len(rows) == AT_ONCE
