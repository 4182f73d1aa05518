"""SQL of a customer's rights."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import Appointment, CarOrder, Model, Ownership, RepairOrder, RoadsideCase, Sale

Ids = Sequence[uuid.UUID]
_PRESENT = (
    "SELECT vin FROM ownerships WHERE customer_id = ANY(:ids) AND known_until IS NULL "
    "AND (valid_until IS NULL OR valid_until > :now)"
)
# Cars that an open recall still waits for, in the scope that stands now.
_RECALLED = (
    "SELECT c.vin FROM recall_vehicles c JOIN recalls r USING (recall_id) WHERE r.state = 2 AND c.state = 1 "
    "AND c.first_version <= r.scope_version AND (c.removed_version IS NULL OR c.removed_version > r.scope_version)"
)
_COUNTS = {
    "sale": "SELECT count(*) FROM sales WHERE buyer_customer_id = ANY(:ids)",
    "ownership": "SELECT count(*) FROM ownerships WHERE customer_id = ANY(:ids)",
    "repair_order": "SELECT count(*) FROM repair_orders WHERE customer_id = ANY(:ids)",
    "appointment": "SELECT count(*) FROM appointments WHERE customer_id = ANY(:ids)",
    "car_order": "SELECT count(*) FROM car_orders WHERE customer_id = ANY(:ids)",
    "roadside_case": "SELECT count(*) FROM roadside_cases WHERE customer_id = ANY(:ids)",
    "plate": f"SELECT count(*) FROM vehicles WHERE plate_number <> '' AND vin IN ({_PRESENT.replace(':now', 'now()')})",  # noqa: S608
}


async def count(session: AsyncSession, kind: str, ids: Ids) -> int:
    """Returns how many records of a kind there are."""
    return int(await session.scalar(sa.text(_COUNTS[kind]), {"ids": list(ids)}) or 0)


async def _records(
    session: AsyncSession, model: type[Model], mine: Any, key: str
) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    table = model.__table__
    for row in await session.execute(sa.select(table).where(mine).order_by(table.c[key])):
        yield str(row._mapping[key]), dict(row._mapping)


def sales(session: AsyncSession, ids: Ids) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The person's sales."""
    return _records(session, Sale, Sale.buyer_customer_id.in_(ids), "sale_id")


def ownerships(session: AsyncSession, ids: Ids) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The person's ownerships, with what was known of them before."""
    return _records(session, Ownership, Ownership.customer_id.in_(ids), "ownership_id")


def repair_orders(session: AsyncSession, ids: Ids) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The visits of the person."""
    return _records(session, RepairOrder, RepairOrder.customer_id.in_(ids), "repair_order_id")


def appointments(session: AsyncSession, ids: Ids) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The person's appointments."""
    return _records(session, Appointment, Appointment.customer_id.in_(ids), "appointment_id")


def car_orders(session: AsyncSession, ids: Ids) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The orders for the person."""
    return _records(session, CarOrder, CarOrder.customer_id.in_(ids), "order_id")


def roadside_cases(session: AsyncSession, ids: Ids) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The person's calls for help on the road."""
    return _records(session, RoadsideCase, RoadsideCase.customer_id.in_(ids), "case_id")


async def _done(
    session: AsyncSession, erase: str, kept: str, values: dict[str, Any]
) -> tuple[int, int, datetime | None]:
    erased = await session.execute(sa.text(erase), values)
    row = (await session.execute(sa.text(kept), values)).one()
    return int(erased.rowcount), int(row[0]), row[1]  # type: ignore[attr-defined]


async def erase_sales(session: AsyncSession, ids: Ids, since: Any, now: datetime) -> tuple[int, int, datetime | None]:
    """Takes the buyer out of sales invoiced before a day; returns (erased, kept, the latest moment of a kept one)."""
    return await _done(
        session,
        "UPDATE sales SET buyer_customer_id = NULL, trade_in = NULL, quote_number = '', version = version + 1, update_time = :now "
        "WHERE buyer_customer_id = ANY(:ids) AND invoice_date < :since",
        "SELECT count(*), max(start_time) FROM sales WHERE buyer_customer_id = ANY(:ids)",
        {"ids": list(ids), "since": since, "now": now},
    )


async def erase_ownerships(
    session: AsyncSession, ids: Ids, since: Any, now: datetime
) -> tuple[int, int, datetime | None]:
    """Takes the person out of all rows, known and once known, save of an ownership that goes on and began after a moment, or whose car
    an open recall waits for.
    """
    keep = (
        "SELECT ownership_id FROM ownerships WHERE customer_id = ANY(:ids) AND known_until IS NULL "  # noqa: S608
        f"AND (valid_until IS NULL OR valid_until > :now) AND (valid_from >= :since OR vin IN ({_RECALLED}))"
    )
    return await _done(
        session,
        f"UPDATE ownerships SET customer_id = NULL WHERE customer_id = ANY(:ids) AND ownership_id NOT IN ({keep})",  # noqa: S608
        "SELECT count(DISTINCT ownership_id), max(valid_from) FROM ownerships WHERE customer_id = ANY(:ids)",
        {"ids": list(ids), "since": since, "now": now},
    )


async def under_recall(session: AsyncSession, ids: Ids, now: datetime) -> int:
    """Returns how many of the person's present ownerships are of cars that an open recall waits for."""
    query = (
        "SELECT count(DISTINCT ownership_id) FROM ownerships WHERE customer_id = ANY(:ids) AND known_until IS NULL "  # noqa: S608
        f"AND (valid_until IS NULL OR valid_until > :now) AND vin IN ({_RECALLED})"
    )
    return int(await session.scalar(sa.text(query), {"ids": list(ids), "now": now}) or 0)


async def erase_plates(session: AsyncSession, ids: Ids, since: Any, now: datetime) -> tuple[list[sa.Row[Any]], int]:
    """Takes the plate from cars that the person has, save where the ownership is kept. Runs before ownerships are erased.

    Returns `vin, version, status, plate` (which was taken) of the cars, and how many keep their plate.
    """
    erased = await session.execute(
        sa.text(
            "WITH held AS (SELECT vin, plate_number FROM vehicles "  # noqa: S608
            f"WHERE plate_number <> '' AND vin IN ({_PRESENT} AND valid_from < :since) FOR UPDATE), "
            "erased AS (UPDATE vehicles v SET plate_number = '', version = v.version + 1, update_time = :now FROM held h "
            "WHERE v.vin = h.vin RETURNING v.vin, v.version, v.status, h.plate_number AS plate), "
            "forgotten AS (UPDATE vehicle_search SET plate_text = '', plate_tokens = '{}' WHERE vin IN (SELECT vin FROM erased)) "
            "SELECT vin, version, status, plate FROM erased"
        ),
        {"ids": list(ids), "since": since, "now": now},
    )
    rows = list(erased)
    kept = f"SELECT count(*) FROM vehicles WHERE plate_number <> '' AND vin IN ({_PRESENT})"  # noqa: S608
    return rows, int(await session.scalar(sa.text(kept), {"ids": list(ids), "now": now}) or 0)


async def erase_repair_orders(
    session: AsyncSession, ids: Ids, since: Any, now: datetime
) -> tuple[int, int, datetime | None]:
    """Takes the person and what they said out of visits that are over; cause and correction stay as the car's history."""
    return await _done(
        session,
        "UPDATE repair_orders SET customer_id = NULL, fault_description = '', damage_description = '', lines = "
        "(SELECT coalesce(jsonb_agg(line - 'complaint'), '[]') FROM jsonb_array_elements(lines) AS line), "
        "version = version + 1, update_time = :now WHERE customer_id = ANY(:ids) AND state <> 1",
        "SELECT count(*), CAST(NULL AS timestamptz) FROM repair_orders WHERE customer_id = ANY(:ids)",
        {"ids": list(ids), "now": now},
    )


async def erase_appointments(
    session: AsyncSession, ids: Ids, since: Any, now: datetime
) -> tuple[int, int, datetime | None]:
    """Takes the person and what they said out of appointments that are not to come."""
    return await _done(
        session,
        "UPDATE appointments SET customer_id = NULL, wish = '', version = version + 1, update_time = :now "
        "WHERE customer_id = ANY(:ids) AND state <> 1",
        "SELECT count(*), CAST(NULL AS timestamptz) FROM appointments WHERE customer_id = ANY(:ids)",
        {"ids": list(ids), "now": now},
    )


async def erase_car_orders(
    session: AsyncSession, ids: Ids, since: Any, now: datetime
) -> tuple[int, int, datetime | None]:
    """Takes the person, and the word by which they followed the order, out of orders that were met or called off."""
    return await _done(
        session,
        "UPDATE car_orders SET customer_id = NULL, tracking_code = '', quote_number = '', version = version + 1, update_time = :now "
        "WHERE customer_id = ANY(:ids) AND state <> 1",
        "SELECT count(*), CAST(NULL AS timestamptz) FROM car_orders WHERE customer_id = ANY(:ids)",
        {"ids": list(ids), "now": now},
    )


async def erase_roadside_cases(
    session: AsyncSession, ids: Ids, since: Any, now: datetime
) -> tuple[int, int, datetime | None]:
    """Takes the person, their phone, place and words out of cases that are over."""
    return await _done(
        session,
        "UPDATE roadside_cases SET customer_id = NULL, phone = '', latitude = NULL, longitude = NULL, place = '', note = '', "
        "version = version + 1, update_time = :now WHERE customer_id = ANY(:ids) AND state >= 4",
        "SELECT count(*), CAST(NULL AS timestamptz) FROM roadside_cases WHERE customer_id = ANY(:ids)",
        {"ids": list(ids), "now": now},
    )
