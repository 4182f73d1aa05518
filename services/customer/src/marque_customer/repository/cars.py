"""Known cars: who has which, as the vehicle service said last, and the plates, which it tells only when asked."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db.engine import Reader
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import KnownCar

_STALE = """
SELECT ownership_id, customer_id, vin, plate, plate_stale_time FROM known_cars
WHERE plate_stale_time IS NOT NULL ORDER BY plate_stale_time LIMIT $1"""
# What was marked again since it was asked stays marked. Rows that somebody else is writing are passed over: this holds customers' locks,
# and who writes a car may wait for one of them.
_KEEP = sa.text("""
WITH free AS (SELECT ownership_id FROM known_cars WHERE ownership_id = ANY(CAST(:ids AS uuid[])) FOR UPDATE SKIP LOCKED)
UPDATE known_cars k SET plate = n.plate, plate_stale_time = NULL
FROM unnest(CAST(:ids AS uuid[]), CAST(:marks AS timestamptz[]), CAST(:plates AS text[])) AS n (ownership_id, mark, plate)
JOIN free USING (ownership_id)
WHERE k.ownership_id = n.ownership_id AND k.plate_stale_time = n.mark""")
# As JSON, since a statement of so many values would be compiled anew each time. What is older than known says no more than since when.
_KEEP_WHOLE = sa.text("""
WITH told AS (SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS t (ownership_id uuid, customer_id uuid, vin text, role integer,
    valid_start_time timestamptz, valid_end_time timestamptz, voided boolean, version bigint)),
news AS (SELECT t.customer_id FROM told t LEFT JOIN known_cars k USING (ownership_id)
    WHERE k.ownership_id IS NULL OR k.version < t.version OR (k.version = t.version
        AND (k.customer_id, k.vin, k.role, k.valid_start_time, k.valid_end_time, k.voided)
        IS DISTINCT FROM (t.customer_id, t.vin, t.role, t.valid_start_time, t.valid_end_time, t.voided))),
begun AS (UPDATE known_cars k SET valid_start_time = t.valid_start_time FROM told t
    WHERE k.ownership_id = t.ownership_id AND k.version > t.version AND k.valid_start_time IS NULL),
kept AS (INSERT INTO known_cars AS k (ownership_id, customer_id, vin, role, valid_start_time, valid_end_time, voided, version, plate,
        plate_stale_time)
    SELECT ownership_id, customer_id, vin, role, valid_start_time, valid_end_time, voided, version, '',
        CASE WHEN NOT voided AND valid_end_time IS NULL THEN clock_timestamp() END FROM told
    ON CONFLICT (ownership_id) DO UPDATE SET customer_id = excluded.customer_id, vin = excluded.vin, role = excluded.role,
        valid_start_time = excluded.valid_start_time, valid_end_time = excluded.valid_end_time, voided = excluded.voided,
        version = excluded.version, plate = CASE WHEN excluded.plate_stale_time IS NULL THEN '' ELSE k.plate END,
        plate_stale_time = excluded.plate_stale_time
    WHERE k.version <= excluded.version)
SELECT DISTINCT customer_id FROM news""")


async def keep(session: AsyncSession, values: dict[str, Any]) -> bool:
    """Keeps what was last said of an ownership; tells whether it was news. The plate of one that goes on is to be asked for, that of one
    that is over is forgotten.
    """
    over = values.get("voided") or values.get("valid_end_time") is not None
    plate = {"plate": "", "plate_stale_time": None} if over else {"plate_stale_time": sa.func.clock_timestamp()}
    row = insert(KnownCar).values(**values, **plate)
    fresh = {name: row.excluded[name] for name in (*values, *plate) if name != "ownership_id"}
    newer = KnownCar.version < row.excluded.version
    statement = row.on_conflict_do_update(index_elements=["ownership_id"], set_=fresh, where=newer)
    statement = statement.returning(KnownCar.ownership_id)
    return (await session.execute(statement)).first() is not None


async def keep_whole(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> set[uuid.UUID]:
    """Keeps the whole states of ownerships, each named once; returns the customers of whom something was news. Plates of ownerships that
    go on are to be asked for anew.

    A whole state also fills what events left open: the end of an ownership says nothing of its beginning, which may never have been heard.
    """
    return set((await session.scalars(_KEEP_WHOLE, {"rows": json.dumps(rows, default=str)})).all())


async def mark_stale(session: AsyncSession, vin: str) -> None:
    """Notes that the plate of a car must be asked for again, for whoever has it; one statement, by the car."""
    statement = sa.update(KnownCar).where(KnownCar.vin == vin, ~KnownCar.voided, KnownCar.valid_end_time.is_(None))
    await session.execute(
        statement.values(plate_stale_time=sa.func.clock_timestamp()).execution_options(synchronize_session=False)
    )


async def stale(reader: Reader, limit: int) -> list[asyncpg.Record]:
    """Returns `ownership_id, customer_id, vin, plate, plate_stale_time` of cars whose plates must be asked for, longest waiting first."""
    found: list[asyncpg.Record] = await reader.fetch(_STALE, limit)
    return found


async def keep_plates(session: AsyncSession, answers: Sequence[tuple[uuid.UUID, datetime, str]]) -> None:
    """Keeps plates by ownership, each with the mark under which it was asked for."""
    ids, marks, plates = zip(*answers, strict=True)
    await session.execute(_KEEP, {"ids": list(ids), "marks": list(marks), "plates": list(plates)})
