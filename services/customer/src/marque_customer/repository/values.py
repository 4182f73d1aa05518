"""SQL of where customers stand: what is to be looked at, the facts, the findings. Statements for many customers at once.

Whoever changes a fact marks the customer in the same transaction (`mark`), and whoever judges takes the mark before reading the facts
(`take`): so a fact is either seen by the one who judges or marks anew after it.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import LifecycleChange, LifecycleRulesVersion
from marque_customer.models.people import CustomerValue
from marque_customer.repository.customers import OWNING

_changes: sa.Table = LifecycleChange.__table__  # type: ignore[assignment]
_values: sa.Table = CustomerValue.__table__  # type: ignore[assignment]
_rules: sa.Table = LifecycleRulesVersion.__table__  # type: ignore[assignment]

# Of who is merged the survivor is judged.
_MARK = """
INSERT INTO customer_values (customer_id, next_time)
SELECT r.customer_id, clock_timestamp() FROM customers r WHERE r.status <> 3 AND r.customer_id IN (
    SELECT CASE WHEN c.status = 2 THEN customer_root(c.customer_id) ELSE c.customer_id END FROM customers c WHERE c.customer_id = ANY($1))
ORDER BY r.customer_id
ON CONFLICT (customer_id) DO UPDATE SET next_time = excluded.next_time"""
# Nobody is waited for: whom another process holds, that one or the next look judges.
_TAKE = """
WITH due AS (SELECT customer_id FROM customer_values WHERE next_time <= clock_timestamp() ORDER BY next_time LIMIT $1),
free AS (SELECT c.customer_id, c.status, c.stage, c.tier FROM customers c JOIN due USING (customer_id)
    ORDER BY c.customer_id FOR NO KEY UPDATE OF c SKIP LOCKED)
SELECT f.customer_id, f.status, f.stage, f.tier FROM free f JOIN customer_values v USING (customer_id)
ORDER BY f.customer_id FOR UPDATE OF v SKIP LOCKED"""
_WHOLE = """
WITH RECURSIVE family AS (
    SELECT customer_id AS root, customer_id FROM unnest($1::uuid[]) AS customer_id
    UNION SELECT f.root, c.customer_id FROM family f JOIN customers c ON c.merged_into = f.customer_id AND c.status = 2)
SELECT root, customer_id FROM family"""
_SPANS = """
SELECT customer_id, vin, role = ANY($2) AS owning, valid_start_time, valid_end_time, voided FROM known_cars WHERE customer_id = ANY($1)"""
_SALES = """
SELECT k.customer_id, k.vin, k.occur_time, s.currency, s.minor
FROM known_sales k LEFT JOIN spend_entries s ON s.kind = 1 AND s.reference_id = k.sale_id
WHERE k.customer_id = ANY($1) AND k.standing AND k.occur_time IS NOT NULL"""
_VISITS = """
SELECT k.customer_id, k.vin, k.occur_time, s.currency, s.minor
FROM known_visits k LEFT JOIN spend_entries s ON s.kind = 2 AND s.reference_id = k.repair_order_id
WHERE k.customer_id = ANY($1) AND k.standing AND k.occur_time IS NOT NULL"""
_PUT = """
INSERT INTO customer_values (customer_id, stage_start_time, stage_reason, tier_reasons, last_activity_time, visits, cars, spend_minor,
    currency, rules_version, next_time)
SELECT n.customer_id, n.since, n.stage_reason::jsonb, n.tier_reasons::jsonb, n.last, n.visits, n.cars, n.spend, n.currency,
    n.version, n.next
FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::timestamptz[], $6::int[], $7::int[], $8::bigint[], $9::text[],
    $10::int[], $11::timestamptz[])
    AS n (customer_id, since, stage_reason, tier_reasons, last, visits, cars, spend, currency, version, next)
ON CONFLICT (customer_id) DO UPDATE SET stage_start_time = excluded.stage_start_time, stage_reason = excluded.stage_reason,
    tier_reasons = excluded.tier_reasons, last_activity_time = excluded.last_activity_time, visits = excluded.visits,
    cars = excluded.cars, spend_minor = excluded.spend_minor, currency = excluded.currency, rules_version = excluded.rules_version,
    next_time = excluded.next_time"""
_STAGES = (
    """
UPDATE customers c SET stage = n.stage, tier = n.tier FROM unnest($1::uuid[], $2::smallint[], $3::text[]) AS n (customer_id, stage, tier)
WHERE c.customer_id = n.customer_id""",
    """
UPDATE dealer_customers d SET stage = n.stage, tier = n.tier
FROM unnest($1::uuid[], $2::smallint[], $3::text[]) AS n (customer_id, stage, tier) WHERE d.customer_id = n.customer_id""",
)
_SEQUENCES = (
    "SELECT customer_id, max(sequence) AS last FROM lifecycle_changes WHERE customer_id = ANY($1) GROUP BY customer_id"
)
_MARK_SOME = """
WITH following AS (SELECT customer_id FROM customer_values WHERE customer_id > $1 ORDER BY customer_id LIMIT $3)
UPDATE customer_values v SET next_time = least(coalesce(v.next_time, $2), $2) FROM following WHERE v.customer_id = following.customer_id
RETURNING v.customer_id"""


async def mark(connection: Any, customer_ids: Iterable[uuid.UUID]) -> None:
    """Notes that customers, or those who stand for them, must be judged; the erased and those who never were are passed over."""
    wanted = sorted(set(customer_ids))
    if wanted:
        await connection.execute(_MARK, wanted)


async def mark_some(connection: Any, after: uuid.UUID, moment: datetime, limit: int) -> list[uuid.UUID]:
    """Has the next customers after an id judged at a moment at the latest; returns them."""
    return sorted(row["customer_id"] for row in await connection.fetch(_MARK_SOME, after, moment, limit))


async def take(connection: Any, limit: int) -> list[Any]:
    """Returns `customer_id, status, stage, tier` of customers who are to be judged now, held until the transaction ends."""
    found: list[Any] = await connection.fetch(_TAKE, limit)
    return found


async def families(connection: Any, customer_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Returns for some customers and all who are merged into them whose they are."""
    return {row["customer_id"]: row["root"] for row in await connection.fetch(_WHOLE, customer_ids)}


async def facts(connection: Any, customer_ids: Collection[uuid.UUID]) -> tuple[list[Any], list[Any], list[Any]]:
    """Returns the ownerships, standing sales and standing visits of customers; three statements whatever the number."""
    ids = list(customer_ids)
    return (
        await connection.fetch(_SPANS, ids, list(OWNING)),
        await connection.fetch(_SALES, ids),
        await connection.fetch(_VISITS, ids),
    )


async def put(connection: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Writes findings."""
    names = (
        *("customer_id", "since", "stage_reason", "tier_reasons", "last", "visits", "cars", "spend", "currency"),
        *("version", "next"),
    )
    if rows:
        dumped = {"stage_reason", "tier_reasons"}
        columns = [
            [orjson.dumps(row[name]).decode() if name in dumped else row[name] for row in rows] for name in names
        ]
        await connection.execute(_PUT, *columns)


async def forget(connection: Any, customer_ids: Sequence[uuid.UUID]) -> None:
    """Removes the rows of who has nothing to be judged by."""
    await connection.execute("DELETE FROM customer_values WHERE customer_id = ANY($1)", list(customer_ids))


async def unmark(connection: Any, customer_ids: Sequence[uuid.UUID]) -> None:
    """Leaves those alone who are merged: their survivors are judged."""
    await connection.execute("UPDATE customer_values SET next_time = NULL WHERE customer_id = ANY($1)", customer_ids)


async def set_stages(connection: Any, rows: Sequence[tuple[uuid.UUID, int, str]]) -> None:
    """Writes stage and tier of customers where lists go by them; the customers' versions stay."""
    for statement in _STAGES if rows else ():
        await connection.execute(statement, *map(list, zip(*rows, strict=True)))


async def last_sequences(connection: Any, customer_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Returns the number of the last change of each customer that has one."""
    return {row["customer_id"]: row["last"] for row in await connection.fetch(_SEQUENCES, customer_ids)}


async def read(session: AsyncSession, customer_id: uuid.UUID) -> Any:
    """Returns the findings of a customer, or None."""
    return (await session.execute(sa.select(_values).where(_values.c.customer_id == customer_id))).one_or_none()


async def history(
    session: AsyncSession,
    customer_ids: Sequence[uuid.UUID],
    page: Page,
    descending: bool,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of the changes of some customers, and one more."""
    c = _changes.c
    query = sa.select(_changes).where(c.customer_id.in_(customer_ids))
    key = sa.tuple_(c.create_time, c.change_id)
    if after is not None:
        query = query.where(key < after if descending else key > after)
    order = (c.create_time.desc(), c.change_id.desc()) if descending else (c.create_time, c.change_id)
    return (await session.execute(query.order_by(*order).limit(page.size + 1))).all()


async def versions(session: AsyncSession) -> Sequence[Any]:
    """Returns all versions of the rules, oldest first."""
    return (await session.execute(sa.select(_rules).order_by(_rules.c.version))).all()


async def version(session: AsyncSession, number: int) -> Any:
    """Returns a version of the rules, 0 for the latest; None where there is none."""
    query = sa.select(_rules).order_by(_rules.c.version.desc()).limit(1)
    return (await session.execute(query.where(_rules.c.version == number) if number else query)).one_or_none()


async def lock_rules(session: AsyncSession) -> None:
    """Lets those who write rules wait for each other."""
    await session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended('lifecycle-rules', 0))"))
