"""Merged customers: references are never rewritten; each service keeps an alias and resolves it when reading.

An alias has the interval in which it was known, so that unmerging ends it and questions about the past keep their answers.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from servicekit.db.tables import customer_aliases
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.consumer import Handler
from servicekit.messaging.envelope import Event


async def on_merged(uow: UnitOfWork, event: Event) -> None:
    """Begins an alias; an event older than what is known changes nothing.

    Events of different survivors come in any order. What begins later ends what was open before; what is heard late gets the interval
    up to what followed.
    """
    gone, into, moment = _parties(event)
    await _one_at_a_time(uow.session, gone)
    columns = customer_aliases.c
    mine = columns.from_customer_id == gone
    following = sa.select(sa.func.min(columns.known_from)).where(mine, columns.known_from > moment)
    later = await uow.session.scalar(following)
    if later is None and await _known_newer(uow.session, gone, into, event.version):
        return
    before = sa.update(customer_aliases).where(mine, columns.known_from < moment, _ends_after(moment))
    await uow.session.execute(before.values(known_until=moment))
    row = insert(customer_aliases).values(
        from_customer_id=gone, to_customer_id=into, known_from=moment, known_until=later, version=event.version
    )
    await uow.session.execute(row.on_conflict_do_nothing())


async def on_unmerged(uow: UnitOfWork, event: Event) -> None:
    """Ends the alias of the customer that stands by itself again.

    An unmerging heard before its merging leaves an empty interval, so that the merging finds what is newer than itself.
    """
    gone, into, moment = _parties(event)
    await _one_at_a_time(uow.session, gone)
    columns = customer_aliases.c
    mine = sa.and_(columns.from_customer_id == gone, columns.to_customer_id == into)
    ended = sa.update(customer_aliases).where(mine, _ends_after(moment), columns.version < event.version)
    change = ended.values(known_until=moment, version=event.version).returning(columns.known_from)
    if (await uow.session.execute(change)).first() is None and not await _known_newer(
        uow.session, gone, into, event.version
    ):
        row = insert(customer_aliases).values(
            from_customer_id=gone, to_customer_id=into, known_from=moment, known_until=moment, version=event.version
        )
        await uow.session.execute(row.on_conflict_do_nothing())


def _ends_after(moment: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(customer_aliases.c.known_until.is_(None), customer_aliases.c.known_until > moment)


def _parties(event: Event) -> tuple[uuid.UUID, uuid.UUID, datetime]:
    """Who was merged, into whom, and when it happened."""
    data: Any = event.data
    return uuid.UUID(data.merged_customer_id), uuid.UUID(data.customer_id), data.occur_time.ToDatetime(UTC)


async def _one_at_a_time(session: AsyncSession, gone: uuid.UUID) -> None:
    """Lets events about one merged customer wait for each other: they come by the survivors' keys, so in several lanes."""
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"alias:{gone}", 0))))


async def _known_newer(session: AsyncSession, gone: uuid.UUID, into: uuid.UUID, version: int) -> bool:
    """Tells whether an event of the same survivor about the same customer is known that is not older."""
    columns = customer_aliases.c
    found = sa.select(columns.version).where(
        columns.from_customer_id == gone, columns.to_customer_id == into, columns.version >= version
    )
    return (await session.execute(found.limit(1))).first() is not None


def handlers() -> dict[str, Handler]:
    """Returns the handlers by which a service keeps its aliases; each service's subscription to customer takes them in."""
    return {"marque.customer.v1.CustomersMerged": on_merged, "marque.customer.v1.CustomersUnmerged": on_unmerged}


async def resolve(session: AsyncSession, customer_id: uuid.UUID, *, at: datetime | None = None) -> uuid.UUID:
    """Returns the customer that an id stands for, now or as known at a moment."""
    found, seen = customer_id, {customer_id}
    while True:
        query = sa.select(customer_aliases.c.to_customer_id)
        following = await session.scalar(query.where(customer_aliases.c.from_customer_id == found, *_known(at)))
        if following is None or following in seen:  # a circle can stand for a while, until all its events are heard
            return found
        found = following
        seen.add(found)


async def family(session: AsyncSession, customer_id: uuid.UUID) -> list[uuid.UUID]:
    """Returns every id under which rows of this customer may stand: itself, and all that were merged into it."""
    known = {customer_id}
    fresh: set[uuid.UUID] = {customer_id}
    while fresh:
        query = sa.select(customer_aliases.c.from_customer_id)
        rows = await session.scalars(query.where(customer_aliases.c.to_customer_id.in_(sorted(fresh)), *_known(None)))
        fresh = set(rows) - known
        known |= fresh
    return sorted(known)


def _known(at: datetime | None) -> list[sa.ColumnElement[bool]]:
    if at is None:
        return [customer_aliases.c.known_until.is_(None)]
    columns = customer_aliases.c
    return [columns.known_from <= at, _ends_after(at)]
