"""SQL of imported repair orders: what a chunk of them looks up, and the new ones by COPY."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
import orjson
import sqlalchemy as sa
from servicekit.db import binary, masses
from servicekit.db.binary import Column, Copy
from servicekit.errors import Aborted
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import RepairOrder
from marque_vehicle.rules import stages
from marque_vehicle.rules.stays import Stay

Rows = Sequence[dict[str, Any]]
_LOCK = sa.text(
    "SELECT vin, status, odometer_km, odometer_time, build_date FROM vehicles WHERE vin = ANY(:vins) ORDER BY vin FOR UPDATE"
)
_KNOWN = sa.text(
    "SELECT o.repair_order_id FROM unnest(CAST(:dealers AS uuid[]), CAST(:numbers AS text[])) AS k(dealer_id, number) "
    "JOIN repair_orders o ON o.dealer_id = k.dealer_id AND o.number = k.number"
)
# The row's time of change stays, and with it every index: the new row finds its place beside the old one, and no dealer's list moves.
_READ = sa.text(
    "UPDATE vehicles v SET odometer_km = r.km, odometer_time = r.moment, version = v.version + 1 "
    "FROM unnest(CAST(:vins AS text[]), CAST(:kms AS integer[]), CAST(:moments AS timestamptz[])) AS r(vin, km, moment) "
    "WHERE v.vin = r.vin"
)
# What may speak against visits: other stations' visits that touch them in time, and when the car got its first owner if that came later.
# Only such visits come back, so the answer for a good chunk is short. A stage from `ready` on holds no car.
_AGAINST = sa.text("""
SELECT r.place, c.dealer_id, c.number, c.open_time, c.close_time, s.start_time AS sold
FROM unnest(CAST(:vins AS text[]), CAST(:dealers AS uuid[]), CAST(:opened AS timestamptz[]), CAST(:closed AS timestamptz[]))
    WITH ORDINALITY AS r(vin, dealer_id, opened, closed, place)
LEFT JOIN LATERAL (
    SELECT dealer_id, number, open_time, close_time FROM repair_orders
    WHERE vin = r.vin AND open_time < coalesce(r.closed, 'infinity') AND coalesce(close_time, 'infinity') > r.opened
    AND state <> 3 AND dealer_id <> r.dealer_id AND (close_time IS NOT NULL OR stage < :ready)
    ORDER BY open_time DESC LIMIT 20) c ON true
LEFT JOIN LATERAL (
    SELECT start_time FROM sales WHERE vin = r.vin AND state = 1 ORDER BY start_time LIMIT 1) s ON s.start_time > r.opened
    AND NOT EXISTS (SELECT FROM ownerships w WHERE w.vin = r.vin AND w.known_until IS NULL AND w.valid_from <= r.opened)
WHERE c.dealer_id IS NOT NULL OR s.start_time IS NOT NULL
""")
_TEXTS = ("number", "vin", "adviser_employee_number", "fault_description", "currency", "source", "source_key")
_NUMBERS = ("state", "stage", "odometer_in_km", "odometer_out_km")
_TIMES = ("open_time", "promised_time", "close_time", "create_time", "update_time")
_DOCUMENTS = ("stage_history", "lines", "totals")


async def lock_cars(session: AsyncSession, vins: Iterable[str]) -> dict[str, Any]:
    """Returns the registered ones among some cars, locked in the order of their VINs, with status and odometer."""
    return {row.vin: row for row in await session.execute(_LOCK, {"vins": sorted(set(vins))})}


@dataclass(slots=True)
class Known:
    """What is known around a visit: stays elsewhere that touch it, each with the number of its order, and when the car was first sold."""

    elsewhere: list[tuple[Stay, str]] = field(default_factory=list)
    sold: datetime | None = None


async def around(session: AsyncSession, vins: Sequence[str], found: Sequence[Stay]) -> dict[int, Known]:
    """Returns what is known around visits of cars, by their place. The cars are locked, so that it stays true."""
    if not found:
        return {}
    given = {
        "vins": list(vins), "dealers": [one.dealer for one in found], "opened": [one.opened for one in found],
        "closed": [one.closed for one in found], "ready": stages.READY,
    }  # fmt: skip
    known: dict[int, Known] = {}
    for row in await session.execute(_AGAINST, given):
        one = known.setdefault(row.place - 1, Known(sold=row.sold))
        if row.dealer_id is not None:
            one.elsewhere.append((Stay(row.dealer_id, row.open_time, row.close_time), row.number))
    return known


async def known(
    session: AsyncSession, keys: Iterable[tuple[uuid.UUID, str]]
) -> dict[tuple[uuid.UUID, str], RepairOrder]:
    """Returns the repair orders among some natural keys, locked."""
    dealers, numbers = zip(*sorted(set(keys)), strict=True)
    ids = list((await session.execute(_KNOWN, {"dealers": list(dealers), "numbers": list(numbers)})).scalars())
    if not ids:
        return {}
    query = sa.select(RepairOrder).where(RepairOrder.repair_order_id == sa.any_(sa.cast(ids, sa.ARRAY(sa.Uuid))))
    found = await session.scalars(query.order_by(RepairOrder.repair_order_id).with_for_update())
    return {(row.dealer_id, row.number): row for row in found}


async def insert(session: AsyncSession, rows: Rows) -> None:
    """Writes new orders, each with the columns of an import. Raises Aborted where somebody wrote one since it was looked for: done again it
    is met as known.
    """
    columns: dict[str, Column | bytes] = {
        "repair_order_id": binary.uuids([row["repair_order_id"].bytes for row in rows]),
        "dealer_id": binary.uuids([row["dealer_id"].bytes for row in rows]),
        "customer_id": binary.optional_uuids([row["customer_id"] for row in rows]),
        "version": binary.bigint(1),
        "comeback": binary.booleans([row["comeback"] for row in rows]),
        "wrong_order": binary.booleans([row["wrong_order"] for row in rows]),
    }
    columns |= {name: binary.texts([row[name] for row in rows]) for name in _TEXTS}
    columns |= {name: binary.integers([row[name] for row in rows]) for name in _NUMBERS}
    columns |= {name: binary.optional_moments([row[name] for row in rows]) for name in _TIMES}
    columns |= {name: binary.json_texts([orjson.dumps(row[name]) for row in rows]) for name in _DOCUMENTS}
    try:
        await Copy("repair_orders", len(rows), columns).send(await masses.driver_of(session))
    except asyncpg.UniqueViolationError:
        raise Aborted() from None


async def read_odometers(session: AsyncSession, readings: Iterable[tuple[str, int, datetime]]) -> None:
    """Takes the latest reading of each of some cars: VIN, kilometres, moment."""
    if found := sorted(readings):
        vins, kms, moments = (list(column) for column in zip(*found, strict=True))
        await session.execute(_READ, {"vins": vins, "kms": kms, "moments": moments})
