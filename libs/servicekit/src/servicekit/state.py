"""How a service is doing: what waits in its database, and what waits for it at the broker. Counts and moments, no content."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import nats
import sqlalchemy as sa
from marque.type.v1 import operations_pb2
from sqlalchemy.ext.asyncio import AsyncSession

from servicekit.bulk import store
from servicekit.db.tables import dead_letters, due_work, imports, outbox_messages, republishes
from servicekit.messaging import envelope
from servicekit.messaging.broker import BrokerAccess
from servicekit.messaging.consumer import Subscription

_BROKER_SECONDS = 2.0


async def read(session: AsyncSession, service: str) -> operations_pb2.ServiceState:
    """Returns what the database tells; the consumers are added by `add_consumers`."""
    state = operations_pb2.ServiceState(service=service)
    state.schema_revision = await session.scalar(sa.text("SELECT version_num FROM alembic_version")) or ""
    await _add_outbox(session, state)
    await _add_due_work(session, state)
    counts = {row.state: row.imports for row in await session.execute(_open_imports())}
    state.imports_queued, state.imports_running = counts.get(store.QUEUED, 0), counts.get(store.RUNNING, 0)
    open_ones = sa.select(sa.func.count()).select_from(republishes).where(republishes.c.end_time.is_(None))
    state.republishes_running = await session.scalar(open_ones) or 0
    state.read_time.GetCurrentTime()
    return state


async def add_consumers(
    session: AsyncSession,
    state: operations_pb2.ServiceState,
    subscriptions: Sequence[Subscription],
    pending: dict[str, tuple[int, int]] | None,
) -> None:
    """Adds dead letters and, where the broker answered, what each consumer has still to hear."""
    query = (
        sa.select(dead_letters.c.consumer, sa.func.count().label("letters"))
        .where(dead_letters.c.replay_time.is_(None))
        .group_by(dead_letters.c.consumer)
    )
    waiting: dict[str, int] = {row.consumer: row.letters for row in await session.execute(query)}
    state.dead_letters = sum(waiting.values())
    state.broker_reachable = pending is not None
    for subscription in sorted(subscriptions, key=lambda item: item.name):
        entry = state.consumers.add(
            consumer=subscription.name, source=subscription.source, dead_letters=waiting.get(subscription.name, 0)
        )
        if pending is not None and subscription.name in pending:
            entry.pending, entry.unacknowledged = pending[subscription.name]


async def parked(session: AsyncSession, consumer: str, limit: int, after: Any = None) -> Sequence[Any]:
    """Returns the dead letters that wait, oldest first: of one consumer, or of all; `after` is the place of the last one seen."""
    order = [dead_letters.c.create_time, dead_letters.c.dead_letter_id]
    query = sa.select(dead_letters).where(*_parked(consumer)).order_by(*order).limit(limit)
    return (await session.execute(query if after is None else query.where(sa.tuple_(*order) > after))).all()


async def parked_count(session: AsyncSession, consumer: str) -> int:
    """Returns how many dead letters wait, of one consumer or of all."""
    query = sa.select(sa.func.count()).select_from(dead_letters).where(*_parked(consumer))
    return await session.scalar(query) or 0


def _parked(consumer: str) -> list[sa.ColumnElement[bool]]:
    mine = [dead_letters.c.consumer == consumer] if consumer else []
    return [dead_letters.c.replay_time.is_(None), *mine]


async def broker_pending(
    url: str, subscriptions: Sequence[Subscription], access: BrokerAccess = BrokerAccess()
) -> dict[str, tuple[int, int]] | None:
    """Asks the broker: consumer → (not delivered, not acknowledged). None where it does not answer in time."""
    try:
        async with asyncio.timeout(_BROKER_SECONDS):
            broker = await nats.connect(
                url.split(","), connect_timeout=1, allow_reconnect=False, error_cb=_quiet, **access.options()
            )
            try:
                return {item.name: await _pending_of(broker, item) for item in subscriptions}
            finally:
                await broker.close()
    except (nats.errors.Error, OSError, TimeoutError):
        return None


async def _pending_of(broker: Any, subscription: Subscription) -> tuple[int, int]:
    info = await broker.jetstream().consumer_info(envelope.stream(subscription.source), subscription.name)
    return info.num_pending or 0, info.num_ack_pending or 0


async def _quiet(error: Exception) -> None:
    """What goes wrong on the way is told by the answer."""


async def _add_outbox(session: AsyncSession, state: operations_pb2.ServiceState) -> None:
    query = sa.select(sa.func.count(), sa.func.min(outbox_messages.c.create_time)).where(
        outbox_messages.c.publish_time.is_(None)
    )
    state.outbox.waiting, oldest = (await session.execute(query)).one()
    if oldest is not None:
        state.outbox.oldest_create_time.FromDatetime(oldest)


async def _add_due_work(session: AsyncSession, state: operations_pb2.ServiceState) -> None:
    columns = due_work.c
    query = (
        sa.select(
            columns.kind,
            sa.func.count().label("scheduled"),
            sa.func.count().filter(columns.due_time <= sa.func.now()).label("overdue"),
            sa.func.count().filter(columns.attempts > 0).label("failing"),
            sa.func.min(columns.due_time).label("earliest"),
        )
        .group_by(columns.kind)
        .order_by(columns.kind)
    )
    for row in await session.execute(query):
        entry = state.due_work.add(kind=row.kind, scheduled=row.scheduled, overdue=row.overdue, failing=row.failing)
        entry.earliest_due_time.FromDatetime(row.earliest)


def _open_imports() -> sa.Select[tuple[str, int]]:
    return (
        sa.select(imports.c.state, sa.func.count().label("imports"))
        .where(imports.c.end_time.is_(None))
        .group_by(imports.c.state)
    )
