"""The consent ledger: written under the customer's row lock, asked under a shared lock that waits for writers."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import ConsentEntry
from marque_customer.rules.consents import DEALER

# A question must not be answered while an entry with an earlier known time is about to be committed: writers hold the lock alone
# before they read the clock, questions share it while they read clock and ledger. It costs no write, as a row lock would.
_LOCK = "hashtextextended('consent:' || CAST(:customer_id AS text), 0)"
_ALONE = sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})")
_SHARED = sa.text(f"SELECT pg_advisory_xact_lock_shared({_LOCK})")
_CLOCK = sa.text("SELECT clock_timestamp()")
LEDGER = ConsentEntry.__table__
# Written by a trigger with every change of status, whoever makes it (migration 0007): an answer as known then must find what it was.
STANDINGS = sa.table(
    "customer_standings",
    sa.column("customer_id", sa.Uuid),
    sa.column("known_time", sa.DateTime(True)),
    sa.column("status", sa.SmallInteger),
)


async def lock(session: AsyncSession, customer_id: uuid.UUID, *, alone: bool) -> datetime:
    """Takes the ledger of a customer until the transaction ends; returns the database's clock after the lock was got."""
    await session.execute(_ALONE if alone else _SHARED, {"customer_id": str(customer_id)})
    clock: datetime = (await session.execute(_CLOCK)).scalar_one()
    return clock


async def last(session: AsyncSession, customer_id: uuid.UUID) -> sa.Row[Any] | None:
    """Returns `sequence, known_time` of the newest entry."""
    query = sa.select(ConsentEntry.sequence, ConsentEntry.known_time).where(ConsentEntry.customer_id == customer_id)
    return (await session.execute(query.order_by(ConsentEntry.sequence.desc()).limit(1))).one_or_none()


async def deciding(
    session: AsyncSession, customer_id: uuid.UUID, subject: dict[str, Any], known: datetime
) -> sa.Row[Any] | None:
    """Returns the entry that decides over a use as known at an instant."""
    query = sa.select(LEDGER).where(
        LEDGER.c.customer_id == customer_id,
        *(LEDGER.c[name] == value for name, value in subject.items()),
        LEDGER.c.known_time <= known,
    )
    return (await session.execute(query.order_by(LEDGER.c.known_time.desc()).limit(1))).one_or_none()


async def standing(session: AsyncSession, customer_id: uuid.UUID, known: datetime) -> sa.Row[Any] | None:
    """Returns `status, known_time` of a customer as known at an instant; none where they were active since they are known."""
    columns = STANDINGS.c
    query = sa.select(columns.status, columns.known_time).where(
        columns.customer_id == customer_id, columns.known_time <= known
    )
    return (await session.execute(query.order_by(columns.known_time.desc()).limit(1))).one_or_none()


async def latest(session: AsyncSession, customer_id: uuid.UUID) -> datetime | None:
    """Returns the latest known time of a customer's ledger and standings."""
    times = sa.union_all(
        sa.select(sa.func.max(LEDGER.c.known_time).label("known_time")).where(LEDGER.c.customer_id == customer_id),
        sa.select(sa.func.max(STANDINGS.c.known_time)).where(STANDINGS.c.customer_id == customer_id),
    ).subquery()
    found: datetime | None = await session.scalar(sa.select(sa.func.max(times.c.known_time)))
    return found


async def present(
    session: AsyncSession, customer_id: uuid.UUID, controller: tuple[int, str]
) -> dict[tuple[int, int], sa.Row[Any]]:
    """Returns the deciding entry of every purpose and channel that a customer ever spoke about to a controller."""
    query = (
        sa.select(LEDGER)
        .distinct(LEDGER.c.purpose, LEDGER.c.channel)
        .where(
            LEDGER.c.customer_id == customer_id,
            LEDGER.c.controller_kind == controller[0],
            LEDGER.c.controller_id == controller[1],
        )
        .order_by(LEDGER.c.purpose, LEDGER.c.channel, LEDGER.c.known_time.desc())
    )
    return {(row.purpose, row.channel): row for row in await session.execute(query)}


async def page(
    session: AsyncSession,
    principal: Principal,
    customer_id: uuid.UUID,
    filters: dict[str, int],
    page: Page,
    descending: bool,
    after: datetime | None,
) -> Sequence[sa.Row[Any]]:
    """Returns a page of the ledger, and one more; for a dealer only what it controls."""
    known = LEDGER.c.known_time
    query = sa.select(LEDGER).where(
        LEDGER.c.customer_id == customer_id,
        _readable(principal),
        *(LEDGER.c[name] == value for name, value in filters.items()),
    )
    if after is not None:
        query = query.where(known < after if descending else known > after)
    query = query.order_by(known.desc() if descending else known).limit(page.size + 1)
    return (await session.execute(query)).all()


def _readable(principal: Principal) -> sa.ColumnElement[bool]:
    if principal.sees_all_rows or principal.is_owner:
        return sa.true()
    if principal.is_dealer:
        return sa.and_(LEDGER.c.controller_kind == DEALER, LEDGER.c.controller_id.in_(sorted(principal.dealers)))
    return sa.false()
