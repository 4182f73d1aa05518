"""Merged customers: references are never rewritten; each service keeps an alias and resolves it when reading.

An alias has the interval in which it was known, so that unmerging ends it and questions about the past keep their answers.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from servicekit.db.tables import customer_aliases
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.consumer import Handler
from servicekit.messaging.envelope import Event

_MAX_CHAIN = 16


async def on_merged(uow: UnitOfWork, event: Event) -> None:
    """Begins an alias; an event older than what is known changes nothing."""
    data = event.data
    pair = (uuid.UUID(data.merged_customer_id), uuid.UUID(data.customer_id))  # type: ignore[attr-defined]
    row = insert(customer_aliases).values(
        from_customer_id=pair[0],
        to_customer_id=pair[1],
        known_from=data.occur_time.ToDatetime(UTC),
        version=event.version,  # type: ignore[attr-defined]
    )
    await uow.session.execute(row.on_conflict_do_nothing())


async def on_unmerged(uow: UnitOfWork, event: Event) -> None:
    """Ends the open alias of the customer that stands by itself again."""
    data = event.data
    await uow.session.execute(
        sa.update(customer_aliases)
        .where(
            customer_aliases.c.from_customer_id == uuid.UUID(data.merged_customer_id),  # type: ignore[attr-defined]
            customer_aliases.c.known_until.is_(None),
            customer_aliases.c.version < event.version,
        )
        .values(known_until=data.occur_time.ToDatetime(UTC), version=event.version)  # type: ignore[attr-defined]
    )


def handlers() -> dict[str, Handler]:
    """Returns the handlers by which a service keeps its aliases; each service's subscription to customer takes them in."""
    return {"marque.customer.v1.CustomersMerged": on_merged, "marque.customer.v1.CustomersUnmerged": on_unmerged}


async def resolve(session: AsyncSession, customer_id: uuid.UUID, *, at: datetime | None = None) -> uuid.UUID:
    """Returns the customer that an id stands for, now or as known at a moment."""
    found = customer_id
    for _ in range(_MAX_CHAIN):
        following = await session.scalar(
            sa.select(customer_aliases.c.to_customer_id).where(
                customer_aliases.c.from_customer_id == found, *_known(at)
            )
        )
        if following is None:
            return found
        found = following
    return found


async def family(session: AsyncSession, customer_id: uuid.UUID) -> list[uuid.UUID]:
    """Returns every id under which rows of this customer may stand: itself, and all that were merged into it."""
    known = {customer_id}
    fresh: Iterable[uuid.UUID] = [customer_id]
    for _ in range(_MAX_CHAIN):
        rows = await session.scalars(
            sa.select(customer_aliases.c.from_customer_id).where(
                customer_aliases.c.to_customer_id.in_(list(fresh)), *_known(None)
            )
        )
        fresh = set(rows) - known
        if not fresh:
            break
        known.update(fresh)
    return sorted(known)


def _known(at: datetime | None) -> list[sa.ColumnElement[bool]]:
    if at is None:
        return [customer_aliases.c.known_until.is_(None)]
    columns = customer_aliases.c
    return [columns.known_from <= at, sa.or_(columns.known_until.is_(None), columns.known_until > at)]
