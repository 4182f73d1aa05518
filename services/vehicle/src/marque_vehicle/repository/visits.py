"""SQL of imported repair orders: what a chunk of them looks up, and the new ones by COPY."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
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
_TEXTS = ("number", "vin", "adviser_employee_number", "fault_description", "currency", "source", "source_key")
_NUMBERS = ("state", "stage", "odometer_in_km", "odometer_out_km")
_TIMES = ("open_time", "promised_time", "close_time", "create_time", "update_time")
_DOCUMENTS = ("stage_history", "lines", "totals")


async def lock_cars(session: AsyncSession, vins: Iterable[str]) -> dict[str, Any]:
    """Returns the registered ones among some cars, locked in the order of their VINs, with status and odometer."""
    return {row.vin: row for row in await session.execute(_LOCK, {"vins": sorted(set(vins))})}


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
