"""Work that time makes due: rows in `due_work`, claimed with SKIP LOCKED by any replica, done in the transaction that removes the row."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from servicekit.db.base import now
from servicekit.db.committed import Committed, wait_for
from servicekit.db.engine import Database
from servicekit.db.tables import due_work
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.rpc.failures import is_transient
from servicekit.telemetry import logs, spans

log = logs.get_logger(__name__)

# A handler does the work of one key inside the open unit of work; it returns the next moment, or None when the work is over.
DueHandler = Callable[[UnitOfWork, str], Awaitable[datetime | None]]
POLL_SECONDS = 0.5
_MAX_DELAY = timedelta(minutes=10)


class DueWorker:
    """Runs due work of the kinds it is given. A failure is tried again with a growing delay and never lost."""

    def __init__(self, database: Database, handlers: Mapping[str, DueHandler], committed: Committed) -> None:
        self._database = database
        self._handlers = dict(handlers)
        self._committed = committed

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            self._committed.due.clear()
            try:
                done = await self.run_one()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.warning("due work waits", extra={"error_type": type(error).__name__})
                done = False
            if not done:
                await wait_for(self._committed.due, POLL_SECONDS)

    async def run_one(self) -> bool:
        """Does one piece of due work; tells whether there was one."""
        uow = UnitOfWork(self._database, Call(SYSTEM, "due"), committed=self._committed)
        claimed: Any = None
        try:
            async with uow:
                row = (await uow.session.execute(self._claim())).one_or_none()
                if row is None:
                    return False
                claimed = row
                with spans.sweep_span(row.kind):
                    again = await self._handlers[row.kind](uow, row.key)
                await self._settle(uow, row, again)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if claimed is None:
                raise
            await self._postpone(claimed, error)
        return True

    def _claim(self) -> sa.Select[tuple[str, str, int, datetime]]:
        columns = due_work.c
        return (
            sa.select(columns.kind, columns.key, columns.attempts, columns.due_time)
            .where(columns.due_time <= sa.func.now(), columns.kind.in_(list(self._handlers)))
            .order_by(columns.due_time)
            .limit(1)
            .with_for_update(skip_locked=True)
        )

    async def _settle(self, uow: UnitOfWork, row: Any, again: datetime | None) -> None:
        if again is None:
            await uow.session.execute(sa.delete(due_work).where(_as_claimed(row)))
        else:
            change = sa.update(due_work).where(_as_claimed(row)).values(due_time=again, attempts=0, failure=None)
            await uow.session.execute(change)

    async def _postpone(self, row: Any, error: Exception) -> None:
        delay = min(_MAX_DELAY, timedelta(seconds=2 ** min(row.attempts, 12)))
        level = log.warning if is_transient(error) else log.error
        level(
            "due work failed and will be tried again",
            exc_info=error,
            extra={"kind": row.kind, "attempts": row.attempts + 1},
        )
        async with self._database.engine.begin() as connection:
            change = (
                sa.update(due_work)
                .where(_as_claimed(row))
                .values(due_time=now() + delay, attempts=row.attempts + 1, failure=type(error).__name__)
            )
            await connection.execute(change)


def _as_claimed(row: Any) -> sa.ColumnElement[bool]:
    """The row as it was claimed: where a use case moved it meanwhile, its new moment stands."""
    columns = due_work.c
    return sa.and_(columns.kind == row.kind, columns.key == row.key, columns.due_time == row.due_time)
