"""SQL of many leads at once: who is known, who was met before, what is placed; a statement each, whatever the number."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from marque_customer.models import DealerCustomer, Lead
from marque_customer.rules.kinds import LISTED, MERGED, PHONE

Key = tuple[int, str]
MOST_HOLDERS = 20
# Of each contact the first holders in the order of `lead_work.holders`: those of several contacts together begin with the same.
_HOLDERS = sa.text(f"""
SELECT n.kind, n.match_key, h.customer_id, h.full_name, h.organisation_name, h.owned
FROM unnest(CAST(:kinds AS smallint[]), CAST(:keys AS text[])) AS n (kind, match_key)
CROSS JOIN LATERAL (
    SELECT c.customer_id, c.full_name, c.organisation_name,
        p.kind = {PHONE} AND p.verify_time IS NOT NULL AND NOT p.shared AS owned
    FROM contact_points p JOIN customers c USING (customer_id)
    WHERE p.kind = n.kind AND p.match_key = n.match_key AND c.status IN {LISTED}
    ORDER BY owned DESC, c.customer_id LIMIT {MOST_HOLDERS}) h""")  # noqa: S608
_TAKEN = sa.text(f"""
SELECT DISTINCT p.match_key FROM contact_points p JOIN customers c USING (customer_id)
WHERE p.kind = {PHONE} AND p.match_key = ANY(CAST(:keys AS text[])) AND p.verify_time IS NOT NULL AND NOT p.shared
    AND c.status IN {(*LISTED, MERGED)}""")  # noqa: S608
_RELATED = sa.text("""
SELECT r.customer_id, r.dealer_id FROM relations r
JOIN unnest(CAST(:customers AS uuid[]), CAST(:dealers AS uuid[])) AS n (customer_id, dealer_id) USING (customer_id, dealer_id)
WHERE r.kind = :kind""")
_PLACED = sa.text("UPDATE leads SET version = version + 1 WHERE lead_id = ANY(CAST(:ids AS uuid[]))")


async def holders(session: AsyncSession, contacts: Collection[Key]) -> dict[Key, list[Any]]:
    """Returns, by contact (kind, match key), the live people with it, those first who own a verified phone; at most 20 each."""
    found: dict[Key, list[Any]] = defaultdict(list)
    values = {"kinds": [kind for kind, _ in contacts], "keys": [key for _, key in contacts]}
    for row in await session.execute(_HOLDERS, values):
        found[row.kind, row.match_key].append(row)
    return found


async def taken(session: AsyncSession, phones: Collection[str]) -> set[str]:
    """Returns which phones were shown to be somebody's alone."""
    return set((await session.scalars(_TAKEN, {"keys": list(phones)})).all())


async def related(
    session: AsyncSession, pairs: Collection[tuple[uuid.UUID, uuid.UUID]], kind: int
) -> set[tuple[uuid.UUID, uuid.UUID]]:
    """Returns which pairs of customer and dealer have a relation of a kind."""
    values = {"customers": [one for one, _ in pairs], "dealers": [dealer for _, dealer in pairs], "kind": kind}
    return {(row.customer_id, row.dealer_id) for row in await session.execute(_RELATED, values)} if pairs else set()


async def show_to_dealers(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Lets dealers see customers from now on: rows of `dealer_customers`; who sees one already goes on to."""
    if rows:
        table: sa.Table = DealerCustomer.__table__  # type: ignore[assignment]
        await session.execute(insert(table).on_conflict_do_nothing(), list(rows))


async def placed(session: AsyncSession, leads: Sequence[Lead]) -> None:
    """Counts the placing of new leads, which were written as placed, as a change of its own.

    What is said of it is then newer than what is said of their beginning.
    """
    if leads:
        await session.execute(_PLACED, {"ids": [lead.lead_id for lead in leads]})
        for lead in leads:
            set_committed_value(lead, "version", lead.version + 1)
