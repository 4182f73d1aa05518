"""Known cars: who has which, as the vehicle service said last, and the plates, which it tells only when asked."""

from __future__ import annotations

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


async def keep(session: AsyncSession, values: dict[str, Any], *, whole: bool = False) -> bool:
    """Keeps what was last said of an ownership; tells whether it was news. The plate of one that goes on is to be asked for, that of one
    that is over is forgotten.

    `whole` values are the ownership's whole state: they also fill what an event of the same version left open, as the end of one does
    whose beginning was never heard.
    """
    over = values.get("voided") or values.get("valid_end_time") is not None
    plate = {"plate": "", "plate_stale_time": None} if over else {"plate_stale_time": sa.func.clock_timestamp()}
    row = insert(KnownCar).values(**values, **plate)
    fresh = {name: row.excluded[name] for name in (*values, *plate) if name != "ownership_id"}
    newer: sa.ColumnElement[bool] = KnownCar.version < row.excluded.version
    if whole:
        same = sa.and_(*(KnownCar.__table__.c[name].is_not_distinct_from(row.excluded[name]) for name in values))
        newer = sa.or_(newer, sa.and_(KnownCar.version == row.excluded.version, ~same))
    statement = row.on_conflict_do_update(index_elements=["ownership_id"], set_=fresh, where=newer)
    statement = statement.returning(KnownCar.ownership_id)
    return (await session.execute(statement)).first() is not None


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
