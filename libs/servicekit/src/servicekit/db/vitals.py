"""Figures that nobody's request brings about: lent connections, parked events."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa

from servicekit.db.engine import Database
from servicekit.db.tables import dead_letters
from servicekit.telemetry import logs, metrics

log = logs.get_logger(__name__)

EVERY_SECONDS = 10.0


async def vitals(database: Database) -> None:
    """Publishes the figures until cancelled; while the database is away they stay as they were."""
    query = (
        sa.select(dead_letters.c.consumer, sa.func.count())
        .where(dead_letters.c.replay_time.is_(None))
        .group_by(dead_letters.c.consumer)
    )
    known: set[str] = set()
    while True:
        metrics.current().db_pool_in_use(database.reader.in_use)
        try:
            async with database.engine.connect() as connection:
                parked = {row.consumer: row[1] for row in await connection.execute(query)}
        except Exception as error:
            log.warning("vitals wait", extra={"error_type": type(error).__name__})
        else:
            known |= parked.keys()
            for consumer in known:
                metrics.current().dead_letters(consumer, parked.get(consumer, 0))
        await asyncio.sleep(EVERY_SECONDS)
