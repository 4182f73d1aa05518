"""SQL of who came for services: a row for each car and service that it reached, and their sums by dealer."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any

import asyncpg
import orjson
import sqlalchemy as sa
from servicekit.db.engine import Reader
from servicekit.db.query import Conditions
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.repository.scope import Scope

_COLUMNS = "dealer_id, service_number, milestone_km, reached_count, returned_count, returned_to_seller_count"
_ROW = "vin text, service_number integer, dealer_id uuid, milestone_km integer, returned boolean, returned_to_seller boolean"
_NAMES = "vin, service_number, dealer_id, milestone_km, returned, returned_to_seller"
_SAME = f"({_NAMES.replace('vin', 't.vin').replace(', ', ', t.')}) = ({_NAMES.replace('vin', 'v.vin').replace(', ', ', v.')})"
# Only what differs is taken away and brought in again: a car that stands as it did touches no count.
_GONE = f"""
DELETE FROM vehicle_milestones v WHERE v.vin = ANY(:vins) AND NOT EXISTS (
    SELECT FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS t({_ROW}) WHERE {_SAME})
RETURNING {_NAMES}
"""  # noqa: S608 - our own words
_MADE = f"""
INSERT INTO vehicle_milestones ({_NAMES}) SELECT {_NAMES} FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r({_ROW})
ON CONFLICT (vin, service_number) DO NOTHING RETURNING {_NAMES}
"""  # noqa: S608
# Counts are taken in one order, so that two workers wait for each other and never in a circle.
_ADD = f"""
INSERT INTO milestone_returns AS m ({_COLUMNS})
SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(dealer_id uuid, service_number integer, milestone_km integer,
    reached_count bigint, returned_count bigint, returned_to_seller_count bigint)
ORDER BY dealer_id, service_number, milestone_km
ON CONFLICT (dealer_id, service_number, milestone_km) DO UPDATE SET reached_count = m.reached_count + excluded.reached_count,
    returned_count = m.returned_count + excluded.returned_count,
    returned_to_seller_count = m.returned_to_seller_count + excluded.returned_to_seller_count
"""  # noqa: S608


async def keep(session: AsyncSession, vins: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Replaces what some cars have reached, and moves the counts of their sellers by the difference. The cars are locked."""
    told = orjson.dumps(rows, default=str).decode()
    gone = (await session.execute(sa.text(_GONE), {"vins": list(vins), "rows": told})).all()
    made = (await session.execute(sa.text(_MADE), {"rows": told})).all()
    moved: Counter[tuple[Any, ...]] = Counter()
    for rows_, sign in ((gone, -1), (made, 1)):
        for row in rows_:
            cell = (row.dealer_id, row.service_number, row.milestone_km)
            counts = (True, row.returned, row.returned_to_seller)
            moved.update({(*cell, place): sign * int(one) for place, one in enumerate(counts)})
    cells = {cell[:3]: [moved[(*cell[:3], place)] for place in range(3)] for cell in moved}
    names = [name.strip() for name in _COLUMNS.split(",")]
    changes = [dict(zip(names, (*cell, *counts), strict=True)) for cell, counts in cells.items() if any(counts)]
    if changes:
        await session.execute(sa.text(_ADD), {"rows": orjson.dumps(changes, default=str).decode()})


async def list_returns(
    reader: Reader, scope: Scope, dealer_id: uuid.UUID | None, page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of counts by dealer, service and distance, and one more."""
    conditions = Conditions()
    conditions.add("reached_count > 0")
    if not scope.everything:
        conditions.add("dealer_id = ANY({})", list(scope.dealers))
    if dealer_id:
        conditions.add("dealer_id = {}", dealer_id)
    if after is not None:
        conditions.add("(dealer_id, service_number, milestone_km) > ({}, {}, {})", *after)
    limit = conditions.bind(page.size + 1)
    sql = (
        f"SELECT {_COLUMNS} FROM milestone_returns WHERE {conditions.sql} "  # noqa: S608 - our own words
        f"ORDER BY dealer_id, service_number, milestone_km LIMIT {limit}"
    )
    return list(await reader.fetch(sql, *conditions.arguments))
