"""SQL of the read model of people and cars: what was heard, of whom the owners are to be asked again, and what they answered, in sets."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from servicekit.db.tables import erasures
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import (
    AudienceCar,
    AudienceDeed,
    AudienceHolding,
    AudiencePerson,
    AudienceScore,
    AudienceStale,
)

OWNERSHIP, SALE, VISIT, CASE = range(1, 5)
_DEEDS: Any = AudienceDeed.__table__
_PEOPLE: Any = AudiencePerson.__table__
_CARS: Any = AudienceCar.__table__
_SCORES: Any = AudienceScore.__table__
_STALE: Any = AudienceStale.__table__
# A circle of aliases can stand until all its events are heard, so the way up has an end.
_UP = """
up AS (
    SELECT asked, asked AS customer_id, 0 AS depth FROM unnest(CAST(:ids AS uuid[])) AS asked
    UNION ALL SELECT u.asked, a.to_customer_id, u.depth + 1 FROM up u JOIN customer_aliases a ON a.from_customer_id = u.customer_id
    WHERE a.known_until IS NULL AND u.depth < 32),
top AS (SELECT DISTINCT ON (asked) asked, customer_id FROM up ORDER BY asked, depth DESC)"""
_SURVIVORS = sa.text(f"WITH RECURSIVE {_UP} SELECT asked, customer_id FROM top")  # noqa: S608 - our own words
_FAMILY = """
family AS (
    SELECT root, root AS customer_id FROM unnest(CAST(:ids AS uuid[])) AS root
    UNION SELECT f.root, a.from_customer_id FROM family f JOIN customer_aliases a ON a.to_customer_id = f.customer_id
    WHERE a.known_until IS NULL)"""
# What is counted of deeds is of the person with all who were merged into them.
_COUNT = sa.text(f"""
WITH RECURSIVE {_FAMILY},
told AS (
    SELECT f.root,
        count(*) FILTER (WHERE d.kind = {VISIT}) AS visits, max(d.moment) FILTER (WHERE d.kind = {VISIT}) AS visit,
        count(*) FILTER (WHERE d.kind = {SALE}) AS sales, max(d.moment) FILTER (WHERE d.kind = {SALE}) AS sale,
        count(*) FILTER (WHERE d.kind = {CASE}) AS cases,
        array_agg(DISTINCT d.dealer_id ORDER BY d.dealer_id)
            FILTER (WHERE d.dealer_id IS NOT NULL AND d.kind IN ({SALE}, {VISIT})) AS dealers
    FROM family f JOIN audience_deeds d ON d.customer_id = f.customer_id AND d.standing GROUP BY f.root),
scored AS (
    SELECT DISTINCT ON (f.root) f.root, s.score, s.moment FROM family f JOIN audience_scores s USING (customer_id)
    ORDER BY f.root, s.moment DESC, s.invitation_id)
UPDATE audience_people p SET
    visit_count = coalesce(t.visits, 0), last_visit_date = (t.visit AT TIME ZONE :zone)::date,
    purchase_count = coalesce(t.sales, 0), last_purchase_date = (t.sale AT TIME ZONE :zone)::date,
    last_activity_date = (greatest(t.visit, t.sale) AT TIME ZONE :zone)::date,
    open_cases = coalesce(t.cases, 0), dealer_ids = coalesce(t.dealers, '{{}}'),
    last_score = s.score, last_score_date = (s.moment AT TIME ZONE :zone)::date
FROM unnest(CAST(:ids AS uuid[])) AS one LEFT JOIN told t ON t.root = one LEFT JOIN scored s ON s.root = one
WHERE p.customer_id = one""")  # noqa: S608 - our own words
_OWNED = sa.text(f"""
WITH RECURSIVE {_FAMILY}
SELECT DISTINCT d.vin FROM family f JOIN audience_deeds d USING (customer_id) WHERE d.kind = {OWNERSHIP}""")  # noqa: S608
_OWNERS = sa.text(f"""
WITH last AS (
    SELECT DISTINCT ON (vin) vin, customer_id FROM audience_deeds
    WHERE kind = {OWNERSHIP} AND standing AND vin = ANY(CAST(:vins AS text[])) ORDER BY vin, moment DESC NULLS LAST, deed_id)
SELECT vin, customer_id FROM last WHERE customer_id IS NOT NULL""")  # noqa: S608 - our own words
_ASSIGN = sa.text("""
UPDATE audience_cars c SET person_id = n.person_id
FROM unnest(CAST(:vins AS text[]), CAST(:people AS uuid[])) AS n (vin, person_id)
WHERE c.vin = n.vin AND c.person_id IS DISTINCT FROM n.person_id""")
_RECALLED = sa.text("INSERT INTO audience_stale (kind, key) SELECT 2, vin FROM audience_cars WHERE open_recalls > 0")


async def mark(session: AsyncSession, kind: int, keys: Iterable[str]) -> None:
    """Notes people or cars that are to be asked for again."""
    rows = [{"kind": kind, "key": key} for key in sorted(set(keys)) if key]
    if rows:
        await session.execute(sa.insert(_STALE).values(rows))


async def mark_recalled(session: AsyncSession) -> None:
    """Notes every car with an open recall: one was closed, and it is not said of which cars."""
    await session.execute(_RECALLED)


async def erased(session: AsyncSession, ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Returns who of some people was erased here: they are not written down again, whoever still knows them."""
    c = erasures.c
    return set(await session.scalars(sa.select(c.customer_id).where(c.customer_id.in_(set(ids)))))


async def put_deed(session: AsyncSession, values: dict[str, Any]) -> set[str]:
    """Writes what was heard of a deed, unless something newer is known; returns whom it is about, before and after."""
    if values["customer_id"] and await erased(session, [values["customer_id"]]):
        values = {**values, "customer_id": None}
    found = sa.select(_DEEDS).where(_DEEDS.c.kind == values["kind"], _DEEDS.c.deed_id == values["deed_id"])
    before = (await session.execute(found.with_for_update())).one_or_none()
    statement = insert(_DEEDS).values(**values)
    told = {name: statement.excluded[name] for name in ("standing", "heard_version")}
    # What an event does not tell stays: a visit that is taken back does not say whose it was.
    for name in ("customer_id", "dealer_id", "moment"):
        told[name] = sa.func.coalesce(statement.excluded[name], _DEEDS.c[name])
    newer = _DEEDS.c.heard_version < statement.excluded.heard_version
    await session.execute(statement.on_conflict_do_update(index_elements=["kind", "deed_id"], set_=told, where=newer))
    people = {values["customer_id"], before.customer_id if before else None}
    return {str(one) for one in people if one is not None}


async def put_score(session: AsyncSession, values: dict[str, Any]) -> None:
    """Writes a score, unless a newer one of the same answers is known."""
    statement = insert(_SCORES).values(**values)
    newer = _SCORES.c.version < statement.excluded.version
    told = {name: statement.excluded[name] for name in ("score", "moment", "version")}
    await session.execute(statement.on_conflict_do_update(index_elements=["invitation_id"], set_=told, where=newer))


async def waiting(session: AsyncSession, kind: int, most: int) -> list[tuple[int, str]]:
    """Returns the oldest marks of a kind."""
    query = (
        sa.select(_STALE.c.mark_id, _STALE.c.key).where(_STALE.c.kind == kind).order_by(_STALE.c.mark_id).limit(most)
    )
    return [(row.mark_id, row.key) for row in await session.execute(query)]


async def done(session: AsyncSession, marks: Sequence[int]) -> None:
    """Takes marks away that were followed."""
    await session.execute(sa.delete(_STALE).where(_STALE.c.mark_id.in_(marks)))


async def survivors(session: AsyncSession, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Returns for each customer who they are now."""
    return {row.asked: row.customer_id for row in await session.execute(_SURVIVORS, {"ids": sorted(set(ids))})}


async def put_people(session: AsyncSession, rows: Sequence[dict[str, Any]], holdings: Sequence[dict[str, Any]]) -> None:
    """Writes people as their owner told them, and their holdings in the place of those before."""
    ids = [row["customer_id"] for row in rows]
    await session.execute(sa.delete(AudienceHolding).where(AudienceHolding.person_id.in_(ids)))
    if rows:
        statement = insert(_PEOPLE).values(list(rows))
        told = {name: statement.excluded[name] for name in rows[0] if name != "customer_id"}
        await session.execute(statement.on_conflict_do_update(index_elements=["customer_id"], set_=told))
    if holdings:
        kept = insert(AudienceHolding.__table__).values(list(holdings))
        told = {name: kept.excluded[name] for name in holdings[0] if name != "holding_id"}
        await session.execute(kept.on_conflict_do_update(index_elements=["holding_id"], set_=told))


async def drop_people(session: AsyncSession, ids: Sequence[uuid.UUID]) -> None:
    """Takes away who no longer stands for themselves."""
    await session.execute(sa.delete(AudienceHolding).where(AudienceHolding.person_id.in_(ids)))
    await session.execute(sa.delete(AudiencePerson).where(AudiencePerson.customer_id.in_(ids)))


async def count_deeds(session: AsyncSession, ids: Sequence[uuid.UUID], zone: str) -> None:
    """Counts anew what people did, by days of a zone."""
    await session.execute(_COUNT, {"ids": list(ids), "zone": zone})


async def owned(session: AsyncSession, ids: Sequence[uuid.UUID]) -> list[str]:
    """Returns the cars that people ever had."""
    return sorted((await session.execute(_OWNED, {"ids": list(ids)})).scalars())


async def assign(session: AsyncSession, vins: Sequence[str]) -> None:
    """Writes down whose cars are now: of the last ownership that stands, the survivor."""
    last = {row.vin: row.customer_id for row in await session.execute(_OWNERS, {"vins": list(vins)})}
    now = await survivors(session, last.values())
    people = [now[last[vin]] if vin in last else None for vin in vins]
    await session.execute(_ASSIGN, {"vins": list(vins), "people": people})


async def put_cars(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Writes cars as their owner told them; whose they are stays."""
    if rows:
        statement = insert(_CARS).values(list(rows))
        told = {name: statement.excluded[name] for name in rows[0] if name != "vin"}
        await session.execute(statement.on_conflict_do_update(index_elements=["vin"], set_=told))
