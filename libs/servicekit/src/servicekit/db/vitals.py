"""Figures that nobody's request brings about: lent connections, parked events, work and events that wait.

Every replica asks the database, for the relay and the due worker only tell of what they take up: one that is not leading, hangs or does not
run would go on telling what it saw last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import sqlalchemy as sa

from servicekit.db.base import now
from servicekit.db.engine import Database
from servicekit.db.tables import dead_letters, due_work, outbox_messages
from servicekit.telemetry import logs, metrics

log = logs.get_logger(__name__)

EVERY_SECONDS = 10.0


_PARKED = (
    sa.select(dead_letters.c.consumer, sa.func.count())
    .where(dead_letters.c.replay_time.is_(None))
    .group_by(dead_letters.c.consumer)
)
_LATE = (
    sa.select(due_work.c.kind, sa.func.min(due_work.c.due_time))
    .where(due_work.c.due_time <= sa.func.now())
    .group_by(due_work.c.kind)
)
_WAITING = outbox_messages.c.publish_time.is_(None)
_OLDEST = sa.select(outbox_messages.c.create_time).where(_WAITING).order_by(outbox_messages.c.position).limit(1)
_COUNTED = 10_000  # of a long backlog the length is not counted to its end
_BACKLOG = sa.select(sa.func.count()).select_from(sa.select(1).where(_WAITING).limit(_COUNTED).subquery())


class Vitals:
    """Asks a service's database for its figures; those of its kinds of due work and of its consumers are told from the start."""

    def __init__(self, database: Database, kinds: Iterable[str] = (), consumers: Iterable[str] = ()) -> None:
        self._database = database
        self._consumers = set(consumers)
        self._kinds = set(kinds)

    async def run(self) -> None:
        """Publishes the figures until cancelled; while the database is away they stay as they were."""
        while True:
            try:
                await self.take()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.warning("vitals wait", extra={"error_type": type(error).__name__})
            await asyncio.sleep(EVERY_SECONDS)

    async def take(self) -> None:
        """Asks once, and publishes."""
        told = metrics.current()
        told.db_pool_in_use(self._database.reader.in_use)
        async with self._database.engine.connect() as connection:
            parked = {row[0]: row[1] for row in await connection.execute(_PARKED)}
            late = {row[0]: row[1] for row in await connection.execute(_LATE)}
            oldest = await connection.scalar(_OLDEST)
            backlog = await connection.scalar(_BACKLOG) if oldest is not None else 0
        self._consumers |= parked.keys()
        self._kinds |= late.keys()
        for consumer in self._consumers:
            told.dead_letters(consumer, parked.get(consumer, 0))
        for kind in self._kinds:
            told.due_overdue(kind, max(0.0, (now() - late[kind]).total_seconds()) if kind in late else 0.0)
        told.outbox(backlog or 0, max(0.0, (now() - oldest).total_seconds()) if oldest is not None else 0.0)
