"""SQL of what profiles must hold, and of the counts of how complete they are.

Triggers note in `profile_stale` whose profile, stage or dealers changed; the sweep takes notes, looks anew, and moves the customer from the
cells of `profile_counts` in which it stood (`profile_marks`) into those where it stands now. So a report reads a few cells, not customers.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from servicekit.dealers import in_scope
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import Customer, ProfileRulesVersion
from marque_customer.repository import families
from marque_customer.rules.completeness import EVERYBODY, NOBODY, WHOLE, Cell, Mark, Place

DEALER, CLERK, SOURCE, STAGE = "dealer", "clerk", "source", "stage"

_TAKE = """
DELETE FROM profile_stale WHERE position IN (SELECT position FROM profile_stale ORDER BY position LIMIT $1)
RETURNING customer_id"""
_CUSTOMERS = "SELECT customer_id, kind, status, stage, card FROM customers WHERE customer_id = ANY($1)"
_DEALERS = (
    "SELECT customer_id, dealer_id FROM dealer_customers WHERE customer_id = ANY($1) ORDER BY customer_id, dealer_id"
)
_CLERKS = """
SELECT DISTINCT ON (customer_id, dealer_id) customer_id, dealer_id, staff_id, start_time FROM relations
WHERE customer_id = ANY($1) AND staff_id IS NOT NULL ORDER BY customer_id, dealer_id, start_time, relation_id"""
_FIRST = """
SELECT DISTINCT ON (customer_id) customer_id, source, origin, actor, first_time FROM source_records
WHERE customer_id = ANY($1) ORDER BY customer_id, first_time, origin, source, source_key"""
_MARKS = "SELECT customer_id, kind, stage, source, asked, missing, dealers, clerks FROM profile_marks WHERE customer_id = ANY($1)"
_PUT = """
INSERT INTO profile_marks (customer_id, kind, stage, source, asked, missing, dealers, clerks) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (customer_id) DO UPDATE SET kind = excluded.kind, stage = excluded.stage, source = excluded.source,
    asked = excluded.asked, missing = excluded.missing, dealers = excluded.dealers, clerks = excluded.clerks"""
_COUNT = """
INSERT INTO profile_counts AS c (dealer_id, staff_id, source, kind, stage, field, asked, missing)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::smallint[], $5::smallint[], $6::smallint[], $7::bigint[], $8::bigint[])
ON CONFLICT (dealer_id, staff_id, source, kind, stage, field)
    DO UPDATE SET asked = c.asked + excluded.asked, missing = c.missing + excluded.missing"""
_EMPTY = """
DELETE FROM profile_counts c USING unnest($1::uuid[], $2::uuid[], $3::text[], $4::smallint[], $5::smallint[], $6::smallint[])
    AS n (dealer_id, staff_id, source, kind, stage, field)
WHERE c.asked = 0 AND (c.dealer_id, c.staff_id, c.source, c.kind, c.stage, c.field)
    = (n.dealer_id, n.staff_id, n.source, n.kind, n.stage, n.field)"""
_NOTE_SOME = """
WITH following AS (SELECT customer_id FROM customers WHERE customer_id > $1 ORDER BY customer_id LIMIT $2),
noted AS (INSERT INTO profile_stale (customer_id) SELECT customer_id FROM following)
SELECT customer_id FROM following ORDER BY customer_id"""
_counts = sa.table(
    "profile_counts",
    *(sa.column(name, sa.Uuid) for name in ("dealer_id", "staff_id")),
    sa.column("source", sa.Text),
    *(sa.column(name, sa.Integer) for name in ("kind", "stage", "field")),
    *(sa.column(name, sa.BigInteger) for name in ("asked", "missing")),
)
_KEYS: dict[str, Any] = {
    DEALER: sa.cast(_counts.c.dealer_id, sa.Text),
    CLERK: sa.cast(_counts.c.staff_id, sa.Text),
    SOURCE: _counts.c.source,
    STAGE: sa.cast(_counts.c.stage, sa.Text),
}


async def alone(session: AsyncSession) -> bool:
    """Holds the counts until the transaction ends; false where somebody else does."""
    return bool(
        await session.scalar(sa.text("SELECT pg_try_advisory_xact_lock(hashtextextended('profile-counts', 0))"))
    )


async def take(connection: Any, limit: int) -> list[uuid.UUID]:
    """Takes the oldest notes; returns whose they are, each once. The order of reading them matters not: all are looked at anew."""
    return list(dict.fromkeys(row["customer_id"] for row in await connection.fetch(_TAKE, limit)))


async def customers(connection: Any, customer_ids: Sequence[uuid.UUID]) -> list[Any]:
    """Returns `customer_id, kind, status, stage, card` of customers."""
    found: list[Any] = await connection.fetch(_CUSTOMERS, customer_ids)
    return found


async def dealings(connection: Any, whose: Mapping[uuid.UUID, uuid.UUID]) -> tuple[list[Any], list[Any], list[Any]]:
    """Returns of survivors and those merged into them the dealers of each, who first began a relation at each dealer, and what was said
    first of each."""
    ids = list(whose)
    return (
        await connection.fetch(_DEALERS, ids),
        await connection.fetch(_CLERKS, ids),
        await connection.fetch(_FIRST, ids),
    )


async def marks(connection: Any, customer_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Mark]:
    """Returns what customers count as until now."""
    return {
        row["customer_id"]: Mark(
            row["kind"],
            row["stage"],
            row["source"],
            frozenset(row["asked"]),
            frozenset(row["missing"]),
            tuple(Place(*place) for place in zip(row["dealers"], row["clerks"], strict=True)),
        )
        for row in await connection.fetch(_MARKS, customer_ids)
    }


async def put(connection: Any, found: Mapping[uuid.UUID, Mark | None]) -> None:
    """Writes what customers count as; of whom nothing is counted any more nothing stays."""
    rows = [
        (
            *(customer_id, mark.kind, mark.stage, mark.source, sorted(mark.asked), sorted(mark.missing)),
            *([place.dealer_id for place in mark.places], [place.staff_id for place in mark.places]),
        )
        for customer_id, mark in found.items()
        if mark is not None
    ]
    await connection.executemany(_PUT, rows)
    gone = [customer_id for customer_id, mark in found.items() if mark is None]
    if gone:
        await connection.execute("DELETE FROM profile_marks WHERE customer_id = ANY($1)", gone)


async def count(connection: Any, changes: Sequence[tuple[Cell, int, int]]) -> None:
    """Adds to the cells, in their order, and removes those that became empty."""
    if not changes:
        return
    cells = [list(column) for column in zip(*(cell for cell, _, _ in changes), strict=True)]
    await connection.execute(_COUNT, *cells, [asked for _, asked, _ in changes], [missing for *_, missing in changes])
    await connection.execute(_EMPTY, *cells)


async def note_some(connection: Any, after: uuid.UUID, limit: int) -> list[uuid.UUID]:
    """Has the next customers after an id looked at; returns them."""
    return [row["customer_id"] for row in await connection.fetch(_NOTE_SOME, after, limit)]


async def waiting(session: AsyncSession) -> bool:
    """Tells whether customers wait to be counted."""
    query = "SELECT EXISTS (SELECT FROM profile_stale) OR EXISTS (SELECT FROM due_work WHERE kind = 'profile-rules')"
    return bool(await session.scalar(sa.text(query)))


async def version(session: AsyncSession, number: int = 0) -> Any:
    """Returns a version of the rules, 0 for the latest; None where there is none."""
    table = ProfileRulesVersion.__table__
    query = sa.select(table).order_by(table.c.version.desc()).limit(1)
    return (await session.execute(query.where(table.c.version == number) if number else query)).one_or_none()


async def lock_rules(session: AsyncSession) -> None:
    """Lets those who write rules wait for each other."""
    await session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended('profile-rules', 0))"))


async def card(session: AsyncSession, principal: Principal, customer_id: uuid.UUID) -> Any:
    """Returns `customer_id, kind, stage, card` of a customer in sight, or of its survivor; None where it is hidden or absent."""
    family = await families.seen(session, principal, customer_id)
    if not family:
        return None
    columns = (Customer.customer_id, Customer.kind, Customer.stage, Customer.card)
    return (await session.execute(sa.select(*columns).where(Customer.customer_id == family[0]))).mappings().one()


async def report(
    session: AsyncSession,
    principal: Principal,
    *,
    group: str,
    dealer_id: uuid.UUID | None,
    source: str,
    stage: int,
    page: Page,
    after: tuple[Any, ...] | None,
) -> tuple[list[str], Sequence[Any]]:
    """Returns the keys of a page of a report (and one more) in their order, and the cells `key, field, asked, missing` of them."""
    c, key = _counts.c, _KEYS[group]
    where = [_counted_for(principal, group, dealer_id)]
    if source:
        where.append(c.source == source)
    if stage:
        where.append(c.stage == stage)
    if group == CLERK:
        where.append(c.staff_id != NOBODY)
    keys = sa.select(key).where(*where, c.field == WHOLE).group_by(key).order_by(key).limit(page.size + 1)
    if after is not None:
        keys = keys.where(key > after[0])
    found = list(await session.scalars(keys))
    asked, missing = (sa.cast(sa.func.sum(column), sa.BigInteger) for column in (c.asked, c.missing))
    cells = sa.select(key.label("key"), c.field, asked.label("asked"), missing.label("missing"))
    cells = cells.where(*where, key.in_(found))
    return found, (await session.execute(cells.group_by(key, c.field).order_by(key, c.field))).all()


def _counted_for(principal: Principal, group: str, dealer_id: uuid.UUID | None) -> sa.ColumnElement[bool]:
    """The cells of a question: each customer once for the maker's people, unless it goes by dealers; else those of dealers in scope."""
    column = _counts.c.dealer_id
    if dealer_id is not None:
        return sa.and_(
            column == dealer_id,
            column != EVERYBODY,
            sa.true() if principal.sees_all_rows else in_scope(principal, column),
        )
    if not principal.sees_all_rows:
        return in_scope(principal, column)
    if group == DEALER:
        return column != EVERYBODY
    return sa.true() if group == CLERK else column == EVERYBODY
