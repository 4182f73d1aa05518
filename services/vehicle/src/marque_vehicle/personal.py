"""A customer's rights over sales, ownerships, repair orders, appointments and help on the road.

What is kept, and why: a sale for the tax office, the present ownership while the car's warranty may run or an open recall waits for the
car (its owner must be reached), an open repair order until it is closed, an appointment that is to come, an order for a car that is to be
met, a call for help that is not over. The car's own history stays without the person.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.personal import LEGAL_HOLD, Erasure, PersonalRecord, Retained
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle import events
from marque_vehicle.repository import personal as repository

SALE, OWNERSHIP, REPAIR_ORDER, PLATE = "vehicle.sale", "vehicle.ownership", "vehicle.repair_order", "vehicle.plate"
APPOINTMENT, CAR_ORDER, ROADSIDE = "vehicle.appointment", "vehicle.car_order", "vehicle.roadside_case"


class VehiclePersonalData:
    """Implements `servicekit.personal.PersonalData`."""

    def __init__(self, *, sale_retention_years: int, warranty_years: int) -> None:
        self._sale_years = sale_retention_years
        self._warranty_years = warranty_years

    async def export(self, session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> AsyncIterator[PersonalRecord]:
        """Yields everything held of the person."""
        for kind, read in (
            (SALE, repository.sales),
            (OWNERSHIP, repository.ownerships),
            (REPAIR_ORDER, repository.repair_orders),
            (APPOINTMENT, repository.appointments),
            (CAR_ORDER, repository.car_orders),
            (ROADSIDE, repository.roadside_cases),
        ):
            async for key, fields in read(session, customer_ids):
                yield PersonalRecord(kind, key, fields)

    async def erase(self, uow: UnitOfWork, customer_ids: Sequence[uuid.UUID], held_kinds: frozenset[str]) -> Erasure:
        """Takes the person out of what is not held and not kept by law. Doing it again changes nothing."""
        done = Erasure()
        sold_since = _years_before(uow.now.date(), self._sale_years)
        owned_since = uow.now - timedelta(days=365 * self._warranty_years)
        steps: tuple[tuple[str, Any, Any, str], ...] = (
            (PLATE, partial(_erase_plates, uow, done), owned_since, "WARRANTY_OPEN"),
            (SALE, repository.erase_sales, sold_since, "TAX_RECORD"),
            (OWNERSHIP, repository.erase_ownerships, owned_since, "WARRANTY_OPEN"),
            (REPAIR_ORDER, repository.erase_repair_orders, None, "REPAIR_ORDER_OPEN"),
            (APPOINTMENT, repository.erase_appointments, None, "APPOINTMENT_TO_COME"),
            (CAR_ORDER, repository.erase_car_orders, None, "ORDER_OPEN"),
            (ROADSIDE, repository.erase_roadside_cases, None, "ROADSIDE_CASE_OPEN"),
        )
        for kind, erase, since, reason in steps:
            if kind in held_kinds or "*" in held_kinds:
                count = await repository.count(uow.session, kind.removeprefix("vehicle."), customer_ids)
                _note(done, kind, 0, count, LEGAL_HOLD, None)
                continue
            erased, kept, latest = await erase(uow.session, customer_ids, since, uow.now)
            if kind == OWNERSHIP and (recalled := await repository.under_recall(uow.session, customer_ids, uow.now)):
                _note(done, kind, 0, recalled, "RECALL_OPEN", None)
                kept -= recalled
            _note(done, kind, erased, kept, reason, _until(latest, kind, self._sale_years, self._warranty_years))
        return done


async def _erase_plates(
    uow: UnitOfWork, done: Erasure, session: AsyncSession, ids: Sequence[uuid.UUID], since: Any, moment: datetime
) -> tuple[int, int, None]:
    """Takes the plates and tells that they changed, so that others who may have the car are not found by them either."""
    rows, kept = await repository.erase_plates(session, ids, since, moment)
    done.named.extend(row.plate for row in rows)
    for row in rows:
        event = events.vehicle_updated(row.vin, row.status, ["plate_number"])
        event.aggregate_version = row.version
        uow.emit(event)
    return len(rows), kept, None


def _note(done: Erasure, kind: str, erased: int, kept: int, reason: str, until: datetime | None) -> None:
    if erased:
        done.erased[kind] = erased
    if kept:
        done.retained.append(Retained(kind, kept, reason, until))


def _until(latest: datetime | None, kind: str, sale_years: int, warranty_years: int) -> datetime | None:
    if latest is None:
        return None
    return latest + timedelta(days=366 * (sale_years if kind == SALE else warranty_years))


def _years_before(day: date, years: int) -> date:
    return day - timedelta(days=366 * years)
