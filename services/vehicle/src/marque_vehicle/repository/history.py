"""SQL of a car's life file: what happened to it, of all stations, latest first, without persons and prices."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import asyncpg
from servicekit.db.engine import Reader
from servicekit.paging import Page

_ENTRIES = """
SELECT * FROM (
    SELECT build_date::timestamp AT TIME ZONE 'UTC' AS occur_time, 'build' AS kind, vin AS ref, NULL::uuid AS dealer_id, 0 AS odometer_km,
        jsonb_build_object('plant', plant) AS facts
    FROM vehicles WHERE vin = $1 AND build_date IS NOT NULL
    UNION ALL
    SELECT start_time, 'sale', sale_id::text, dealer_id, odometer_km, jsonb_build_object('use', use, 'reversed', state = 2)
    FROM sales WHERE vin = $1
    UNION ALL
    SELECT valid_from, 'began', ownership_id::text, NULL, 0, jsonb_build_object('role', role)
    FROM ownerships WHERE vin = $1 AND known_until IS NULL
    UNION ALL
    SELECT valid_until, 'ended', ownership_id::text, NULL, 0, jsonb_build_object('role', role)
    FROM ownerships WHERE vin = $1 AND known_until IS NULL AND valid_until IS NOT NULL
    UNION ALL
    SELECT open_time, 'repair', repair_order_id::text, dealer_id, greatest(odometer_in_km, odometer_out_km),
        jsonb_build_object('number', number, 'state', state, 'close_time', close_time, 'lines', lines)
    FROM repair_orders WHERE vin = $1
) AS entries
WHERE ($2::timestamptz IS NULL OR occur_time < $2)
    AND ($3::timestamptz IS NULL OR (occur_time, kind, ref) < ($3, $4, $5))
ORDER BY occur_time DESC, kind DESC, ref DESC LIMIT $6
"""


async def entries(
    reader: Reader, vin: str, until: datetime | None, page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of a car's life file and one more; `until` ends the file for who gave the car away."""
    moment, kind, ref = after or (None, None, None)
    return list(await reader.fetch(_ENTRIES, vin, until, moment, kind, ref, page.size + 1))
