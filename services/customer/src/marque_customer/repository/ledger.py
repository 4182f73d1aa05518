"""The consent ledger: written under the customer's row lock, asked under a shared lock that waits for writers."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import ConsentEntry
from marque_customer.rules import merged_consents
from marque_customer.rules.consents import DEALER
from marque_customer.rules.merged_consents import Edge

# A question must not be answered while an entry with an earlier known time is about to be committed: writers hold the lock alone
# before they read the clock, questions share it while they read clock and ledger. It costs no write, as a row lock would.
_LOCK = "(hashtextextended('consent:' || customer_id, 0)) FROM unnest(CAST(:customer_ids AS text[])) AS customer_id"
_ALONE = sa.text(f"SELECT pg_advisory_xact_lock{_LOCK}")
_SHARED = sa.text(f"SELECT pg_advisory_xact_lock_shared{_LOCK}")
_CLOCK = sa.text("SELECT clock_timestamp()")
LEDGER = ConsentEntry.__table__
# Written by a trigger with every change of status, whoever makes it (migration 0006): an answer as known then must find what it was.
STANDINGS = sa.table(
    "customer_standings",
    sa.column("customer_id", sa.Uuid),
    sa.column("known_time", sa.DateTime(True)),
    sa.column("status", sa.SmallInteger),
)


async def lock_family(session: AsyncSession, customer_ids: Iterable[uuid.UUID], *, alone: bool) -> datetime:
    """Takes the ledgers of customers, in the order of their ids; returns the database's clock after the last was got."""
    ordered = [str(customer_id) for customer_id in sorted(customer_ids)]
    await session.execute(_ALONE if alone else _SHARED, {"customer_ids": ordered})
    clock: datetime = (await session.execute(_CLOCK)).scalar_one()
    return clock


async def holds(session: AsyncSession, consent_entry_id: uuid.UUID) -> bool:
    """Tells whether an entry stands in a ledger."""
    query = sa.select(sa.literal(1)).where(ConsentEntry.consent_entry_id == consent_entry_id)
    return await session.scalar(query) is not None


async def last_of(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, sa.Row[Any]]:
    """Returns `customer_id, sequence, known_time` of the newest entry of each customer who has one."""
    columns = (LEDGER.c.customer_id, LEDGER.c.sequence, LEDGER.c.known_time)
    query = sa.select(*columns).where(LEDGER.c.customer_id.in_(customer_ids)).distinct(LEDGER.c.customer_id)
    rows = await session.execute(query.order_by(LEDGER.c.customer_id, LEDGER.c.sequence.desc()))
    return {row.customer_id: row for row in rows}


async def deciding(
    session: AsyncSession, family: Sequence[uuid.UUID], edges: Sequence[Edge], subject: dict[str, Any], known: datetime
) -> sa.Row[Any] | None:
    """Returns the entry that decides over a use as known at an instant: of a customer, or of those who were one then (`edges`: the merges
    that stood).
    """
    query = sa.select(LEDGER).where(
        *(LEDGER.c[name] == value for name, value in subject.items()), LEDGER.c.known_time <= known
    )
    if len(family) == 1:
        query = query.where(LEDGER.c.customer_id == family[0]).order_by(LEDGER.c.known_time.desc()).limit(1)
        return (await session.execute(query)).one_or_none()
    entries = (await session.execute(query.where(LEDGER.c.customer_id.in_(family)))).all()
    found: sa.Row[Any] | None = merged_consents.deciding(entries, edges)
    return found


async def standing(session: AsyncSession, customer_id: uuid.UUID, known: datetime) -> sa.Row[Any] | None:
    """Returns `status, known_time` of a customer as known at an instant; none where they were active since they are known."""
    columns = STANDINGS.c
    query = sa.select(columns.status, columns.known_time).where(
        columns.customer_id == customer_id, columns.known_time <= known
    )
    return (await session.execute(query.order_by(columns.known_time.desc()).limit(1))).one_or_none()


async def latest(session: AsyncSession, customer_ids: Collection[uuid.UUID]) -> datetime | None:
    """Returns the latest known time of the ledgers and standings of customers."""
    times = sa.union_all(
        sa.select(sa.func.max(LEDGER.c.known_time).label("known_time")).where(LEDGER.c.customer_id.in_(customer_ids)),
        sa.select(sa.func.max(STANDINGS.c.known_time)).where(STANDINGS.c.customer_id.in_(customer_ids)),
    ).subquery()
    found: datetime | None = await session.scalar(sa.select(sa.func.max(times.c.known_time)))
    return found


async def present(
    session: AsyncSession, family: Sequence[uuid.UUID], edges: Sequence[Edge], controller: tuple[int, str]
) -> dict[tuple[int, int], Any]:
    """Returns the deciding entry of every purpose and channel that a family ever spoke about to a controller (`edges`: its merges)."""
    query = sa.select(LEDGER).where(
        LEDGER.c.customer_id.in_(family),
        LEDGER.c.controller_kind == controller[0],
        LEDGER.c.controller_id == controller[1],
    )
    if len(family) == 1:
        last = query.distinct(LEDGER.c.purpose, LEDGER.c.channel)
        rows = await session.execute(last.order_by(LEDGER.c.purpose, LEDGER.c.channel, LEDGER.c.known_time.desc()))
        return {(row.purpose, row.channel): row for row in rows}
    said: dict[tuple[int, int], list[Any]] = {}
    for row in await session.execute(query):
        said.setdefault((row.purpose, row.channel), []).append(row)
    return {use: merged_consents.deciding(entries, edges) for use, entries in said.items()}


async def page(
    session: AsyncSession,
    principal: Principal,
    family: Sequence[uuid.UUID],
    filters: dict[str, int],
    page: Page,
    descending: bool,
    after: tuple[Any, ...] | None,
) -> Sequence[sa.Row[Any]]:
    """Returns a page of the ledgers of a customer and those merged into it, and one more; for a dealer only what it controls."""
    order = (LEDGER.c.known_time, LEDGER.c.consent_entry_id)
    query = sa.select(LEDGER).where(
        LEDGER.c.customer_id == family[0] if len(family) == 1 else LEDGER.c.customer_id.in_(family),
        _readable(principal),
        *(LEDGER.c[name] == value for name, value in filters.items()),
    )
    if after is not None:
        query = query.where(sa.tuple_(*order) < after if descending else sa.tuple_(*order) > after)
    query = query.order_by(*(column.desc() if descending else column for column in order)).limit(page.size + 1)
    return (await session.execute(query)).all()


def _readable(principal: Principal) -> sa.ColumnElement[bool]:
    if principal.sees_all_rows or principal.is_owner:
        return sa.true()
    if principal.is_dealer:
        return sa.and_(LEDGER.c.controller_kind == DEALER, LEDGER.c.controller_id.in_(sorted(principal.dealers)))
    return sa.false()
