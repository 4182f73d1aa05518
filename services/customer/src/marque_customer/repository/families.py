"""Customers that are merged: who stands for whom. A merged customer keeps its rows; its survivor is asked for all of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import Customer, DealerCustomer, Relation
from marque_customer.repository.sight import visible_to
from marque_customer.rules.merged_consents import Edge

_MEMBERS = sa.text("""
WITH RECURSIVE family AS (
    SELECT customer_id AS root, customer_id FROM customers WHERE customer_id = ANY(CAST(:ids AS uuid[]))
    UNION SELECT f.root, c.customer_id FROM family f JOIN customers c ON c.merged_into = f.customer_id AND c.status = 2)
SELECT root, customer_id FROM family WHERE customer_id <> root ORDER BY root, customer_id""")
_ROOTS = sa.text("""
SELECT customer_id, customer_root(customer_id) AS root FROM customers
WHERE customer_id = ANY(CAST(:ids AS uuid[])) AND status = 2""")
_UPWARDS = sa.text("""
WITH RECURSIVE chain AS (
    SELECT customer_id, merged_into, 0 AS depth FROM customers WHERE customer_id = ANY(CAST(:ids AS uuid[]))
    UNION SELECT n.customer_id, n.merged_into, depth + 1 FROM chain JOIN customers n ON n.customer_id = chain.merged_into)
SELECT customer_id, max(depth) AS depth FROM chain GROUP BY customer_id""")
_NOT_SHOWN = sa.text("""
INSERT INTO dealer_customers (dealer_id, customer_id, update_time, create_time, kind, status)
SELECT DISTINCT r.dealer_id, c.customer_id, c.update_time, c.create_time, c.kind, c.status
FROM relations r JOIN customers c ON c.customer_id = :root WHERE r.customer_id = ANY(CAST(:ids AS uuid[]))
ON CONFLICT DO NOTHING""")
# The merges of everybody who was ever one with a customer, at any time: what a question about the past may need.
_EDGES = sa.text("""
WITH RECURSIVE tied AS (
    SELECT CAST(:id AS uuid) AS id
    UNION SELECT CASE WHEN a.from_customer_id = t.id THEN a.to_customer_id ELSE a.from_customer_id END
    FROM tied t JOIN customer_aliases a ON a.from_customer_id = t.id OR a.to_customer_id = t.id
    WHERE a.known_until IS NULL OR a.known_until > a.known_from)
SELECT from_customer_id, to_customer_id, known_from, known_until FROM customer_aliases
WHERE from_customer_id IN (SELECT id FROM tied) AND (known_until IS NULL OR known_until > known_from)""")


async def members(session: AsyncSession, customer_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[uuid.UUID]]:
    """Returns for each customer those that are merged into it, at any depth, in the order of their ids."""
    found: dict[uuid.UUID, list[uuid.UUID]] = {customer_id: [] for customer_id in customer_ids}
    if found:
        for row in await session.execute(_MEMBERS, {"ids": list(found)}):
            found[row.root].append(row.customer_id)
    return found


async def family(session: AsyncSession, customer_id: uuid.UUID) -> list[uuid.UUID]:
    """Returns a customer and those merged into it."""
    return [customer_id, *(await members(session, [customer_id]))[customer_id]]


async def roots(session: AsyncSession, customer_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Returns for each customer the one that stands for it: itself, or the survivor."""
    found = {customer_id: customer_id for customer_id in customer_ids}
    if found:
        for row in await session.execute(_ROOTS, {"ids": list(found)}):
            found[row.customer_id] = row.root
    return found


async def seen(session: AsyncSession, principal: Principal, customer_id: uuid.UUID) -> list[uuid.UUID]:
    """Returns the ids under which rows of a customer in sight stand, the survivor's first; none where it is hidden or absent."""
    root = sa.select(Customer.customer_id).where(
        Customer.customer_id == sa.func.customer_root(customer_id), visible_to(principal)
    )
    found = await session.scalar(root)
    return [] if found is None else await family(session, found)


async def locked(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Customer] | None:
    """Locks the whole families of customers in the order of ids; none where one of them changed meanwhile, so that all must begin anew."""
    before = await whole(session, customer_ids)
    query = sa.select(Customer).where(Customer.customer_id.in_(before)).order_by(Customer.customer_id)
    rows = list(await session.scalars(query.with_for_update().execution_options(populate_existing=True)))
    return {row.customer_id: row for row in rows} if await whole(session, customer_ids) == before else None


async def whole(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Returns customers with all who are one with them, in the order of their ids."""
    tops = set((await roots(session, customer_ids)).values())
    below = await members(session, tops)
    return sorted({*tops, *customer_ids, *(one for found in below.values() for one in found)})


async def upwards(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> list[Customer]:
    """Returns customers and those for whom they stand, or stood when they were erased, read anew, each after those merged into it."""
    depths = {row.customer_id: row.depth for row in await session.execute(_UPWARDS, {"ids": list(customer_ids)})}
    query = sa.select(Customer).where(Customer.customer_id.in_(depths)).execution_options(populate_existing=True)
    rows = list(await session.scalars(query))
    return sorted(rows, key=lambda row: (depths[row.customer_id], row.customer_id))


async def show_to_dealers(session: AsyncSession, customer: Customer, ids: Sequence[uuid.UUID]) -> None:
    """Lets exactly those dealers see a customer that have to do with it or with one merged into it."""
    await session.execute(_NOT_SHOWN, {"root": customer.customer_id, "ids": list(ids)})
    related = sa.select(Relation.dealer_id).where(Relation.customer_id.in_(ids))
    await session.execute(
        sa.delete(DealerCustomer)
        .where(DealerCustomer.customer_id == customer.customer_id, DealerCustomer.dealer_id.not_in(related))
        .execution_options(synchronize_session=False)
    )


async def edges(session: AsyncSession, customer_id: uuid.UUID) -> list[Edge]:
    """Returns who was merged into whom, and when, of all who ever had to do with a customer by merges."""
    return [Edge(*row) for row in await session.execute(_EDGES, {"id": customer_id})]


def everybody(customer_id: uuid.UUID, found: Iterable[Edge]) -> set[uuid.UUID]:
    """Returns a customer and all whom some merges name."""
    return {customer_id} | {one for edge in found for one in (edge.gone, edge.into)}
