"""SQL of the read model of people and cars: what was heard, of whom the owners are to be asked again, and what they answered, in sets."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import orjson
import sqlalchemy as sa
from servicekit.db import families
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
_IDS = "CAST(:ids AS uuid[])"
SURVIVORS = sa.text(f"WITH RECURSIVE {families.survivors(_IDS)} SELECT asked, customer_id FROM top")  # noqa: S608 - our own words
_FAMILY = families.merged(f"SELECT root FROM unnest({_IDS}) AS root")  # noqa: S608 - our own words
# What is counted of deeds is of the person with all who were merged into them.
_COUNT = sa.text(f"""
WITH RECURSIVE {_FAMILY},
told AS (
    SELECT f.root,
        count(*) FILTER (WHERE d.kind = {VISIT}) AS visits, max(d.moment) FILTER (WHERE d.kind = {VISIT}) AS visit,
        count(*) FILTER (WHERE d.kind = {SALE}) AS sales, max(d.moment) FILTER (WHERE d.kind = {SALE}) AS sale,
        count(*) FILTER (WHERE d.kind = {CASE}) AS cases,
        min(d.moment) FILTER (WHERE d.kind IN ({SALE}, {VISIT})) AS first,
        count(DISTINCT (d.moment AT TIME ZONE :zone)::date) FILTER (WHERE d.kind IN ({SALE}, {VISIT})) AS days,
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
    first_activity_date = (t.first AT TIME ZONE :zone)::date, active_days = coalesce(t.days, 0),
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
_MARK = sa.text("INSERT INTO audience_stale (kind, key) SELECT CAST(:kind AS integer), unnest(CAST(:keys AS text[]))")
_HEARD = ("kind", "deed_id", "customer_id", "vin", "dealer_id", "moment", "standing", "heard_version")
_BEFORE = sa.text("""
SELECT d.customer_id FROM audience_deeds d
JOIN unnest(CAST(:kinds AS integer[]), CAST(:deed_ids AS uuid[])) AS n (kind, deed_id) USING (kind, deed_id)
ORDER BY d.kind, d.deed_id FOR UPDATE OF d""")
# What an event does not tell stays: a visit that is taken back does not say whose it was.
_PUT_DEEDS = sa.text("""
INSERT INTO audience_deeds AS d (kind, deed_id, customer_id, vin, dealer_id, moment, standing, heard_version)
SELECT * FROM unnest(CAST(:kinds AS integer[]), CAST(:deed_ids AS uuid[]), CAST(:customer_ids AS uuid[]), CAST(:vins AS text[]),
    CAST(:dealer_ids AS uuid[]), CAST(:moments AS timestamptz[]), CAST(:standings AS boolean[]), CAST(:heard_versions AS bigint[]))
    AS n (kind, deed_id, customer_id, vin, dealer_id, moment, standing, heard_version) ORDER BY kind, deed_id
ON CONFLICT (kind, deed_id) DO UPDATE SET standing = excluded.standing, heard_version = excluded.heard_version,
    customer_id = coalesce(excluded.customer_id, d.customer_id), dealer_id = coalesce(excluded.dealer_id, d.dealer_id),
    moment = coalesce(excluded.moment, d.moment)
WHERE d.heard_version < excluded.heard_version""")
_RECALLED = sa.text("INSERT INTO audience_stale (kind, key) SELECT 2, vin FROM audience_cars WHERE open_recalls > 0")


async def mark(session: AsyncSession, kind: int, keys: Iterable[str]) -> None:
    """Notes people or cars that are to be asked for again."""
    if some := sorted({key for key in keys if key}):
        await session.execute(_MARK, {"kind": kind, "keys": some})


async def mark_recalled(session: AsyncSession) -> None:
    """Notes every car with an open recall: one was closed, and it is not said of which cars."""
    await session.execute(_RECALLED)


async def erased(session: AsyncSession, ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Returns who of some people was erased here: they are not written down again, whoever still knows them."""
    c = erasures.c
    return set(await session.scalars(sa.select(c.customer_id).where(c.customer_id.in_(set(ids)))))


async def put_deeds(session: AsyncSession, deeds: Sequence[dict[str, Any]]) -> set[str]:
    """Writes what was heard of deeds, each one's once, unless something newer is known; returns whom they are about, before and after."""
    gone = await erased(session, {one["customer_id"] for one in deeds if one["customer_id"]})
    rows = [one if one["customer_id"] not in gone else {**one, "customer_id": None} for one in deeds]
    values = {f"{name}s": [row[name] for row in rows] for name in _HEARD}
    keys = {name: values[name] for name in ("kinds", "deed_ids")}
    people = set((await session.execute(_BEFORE, keys)).scalars()) | {row["customer_id"] for row in rows}
    await session.execute(_PUT_DEEDS, values)
    return {str(one) for one in people if one is not None}


async def put_score(session: AsyncSession, values: dict[str, Any], *, only_new: bool) -> None:
    """Writes a score, unless a newer one of the same answers is known; `only_new`: unless any is."""
    statement = insert(_SCORES).values(**values)
    if only_new:
        await session.execute(statement.on_conflict_do_nothing())
        return
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
    return {row.asked: row.customer_id for row in await session.execute(SURVIVORS, {"ids": sorted(set(ids))})}


async def put_people(session: AsyncSession, rows: Sequence[dict[str, Any]], holdings: Sequence[dict[str, Any]]) -> None:
    """Writes people as their owner told them, and their holdings in the place of those before."""
    ids = [row["customer_id"] for row in rows]
    await session.execute(sa.delete(AudienceHolding).where(AudienceHolding.person_id.in_(ids)))
    await _put(session, _PEOPLE, "customer_id", rows)
    await _put(session, AudienceHolding.__table__, "holding_id", holdings)


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
    await _put(session, _CARS, "vin", rows)


async def _put(session: AsyncSession, table: Any, key: str, rows: Sequence[dict[str, Any]]) -> None:
    """Writes rows of the same columns, new or in the place of those of their keys, as one value of one known statement.

    Hundreds of rows of parameters would be made into another statement each time, which took more than all else of a rebuild.
    """
    if rows:
        await session.execute(_upsert(table, key, tuple(rows[0])), {"rows": orjson.dumps(rows).decode()})


@cache
def _upsert(table: Any, key: str, names: tuple[str, ...]) -> Any:
    columns = ", ".join(f'"{name}"' for name in names)
    told = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name != key)
    return sa.text(f"""
        INSERT INTO {table.name} ({columns})
        SELECT {columns} FROM jsonb_populate_recordset(CAST(NULL AS {table.name}), CAST(:rows AS jsonb))
        ON CONFLICT ({key}) DO UPDATE SET {told}""")  # noqa: S608 - the names of our own columns
