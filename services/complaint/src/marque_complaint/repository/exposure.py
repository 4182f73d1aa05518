"""SQL of what complaints are set against: cars sold, visits, the cars' models, stages of customers' lives."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

import asyncpg
import orjson
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from sqlalchemy.ext.asyncio import AsyncSession

from marque_complaint.repository.scope import Scope

_HEAR = """
INSERT INTO known_deeds (deed_id, kind, vin, dealer_id, month, voided)
SELECT DISTINCT ON (deed_id) deed_id, kind, vin, dealer_id, max(month) OVER same, bool_or(voided) OVER same
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(deed_id uuid, kind integer, vin text, dealer_id uuid, month date, voided boolean)
WINDOW same AS (PARTITION BY deed_id) ORDER BY deed_id
ON CONFLICT (deed_id) DO UPDATE SET month = coalesce(known_deeds.month, EXCLUDED.month),
    voided = known_deeds.voided OR EXCLUDED.voided
WHERE (known_deeds.month IS NULL AND EXCLUDED.month IS NOT NULL) OR (EXCLUDED.voided AND NOT known_deeds.voided)"""
_CARS = """
INSERT INTO known_cars (vin, make, model, model_year)
SELECT DISTINCT ON (vin) vin, make, model, model_year
FROM ROWS FROM (jsonb_to_recordset(CAST(:rows AS jsonb)) AS (vin text, make text, model text, model_year integer))
    WITH ORDINALITY AS r(vin, make, model, model_year, place)
ORDER BY vin, place DESC
ON CONFLICT (vin) DO UPDATE SET make = EXCLUDED.make, model = EXCLUDED.model, model_year = EXCLUDED.model_year"""
_STAGE = """
INSERT INTO known_stages (customer_id, stage, version) VALUES (:customer_id, :stage, :version)
ON CONFLICT (customer_id) DO UPDATE SET stage = EXCLUDED.stage, version = EXCLUDED.version WHERE known_stages.version < EXCLUDED.version"""
# A person's complaints of the months, the worst of them; who was merged counts as who they were merged into.
_CHURN = """
WITH told AS (
    SELECT c.customer_id, max(CASE WHEN f.reopened THEN 5 WHEN f.resolution = 2 THEN 4 WHEN f.resolution = 1 THEN 2 ELSE 3 END) AS worst
    FROM case_facts f JOIN cases c ON c.case_id = f.case_id
    WHERE f.month BETWEEN $1 AND $2 AND f.ordinal = 0 AND f.kind = 1 AND c.customer_id IS NOT NULL GROUP BY 1),
people AS (
    SELECT coalesce(a.to_customer_id, t.customer_id) AS customer_id, max(t.worst) AS worst
    FROM told t LEFT JOIN customer_aliases a ON a.from_customer_id = t.customer_id AND a.known_until IS NULL GROUP BY 1)
SELECT coalesce(t.worst, 1) AS "group", count(*) AS customer_count, count(*) FILTER (WHERE s.stage = 5) AS lost_count,
    count(*) FILTER (WHERE s.stage = 4) AS at_risk_count, count(*) FILTER (WHERE s.stage = 6) AS won_back_count
FROM known_stages s LEFT JOIN people t ON t.customer_id = s.customer_id
WHERE NOT EXISTS (SELECT FROM customer_aliases a WHERE a.from_customer_id = s.customer_id AND a.known_until IS NULL)
GROUP BY 1 ORDER BY 1"""
# By what an exposure may be counted, as `facts.GROUPS` numbers it.
_GROUPS = {
    1: ("month", "k.month"), 5: ("dealer_id", "k.dealer_id"), 6: ("region_code", "coalesce(d.region_code, '')"),
    7: ("make", "coalesce(a.make, '')"), 8: ("model", "coalesce(a.model, '')"), 9: ("model_year", "coalesce(a.model_year, 0)"),
}  # fmt: skip
GROUPS = frozenset(_GROUPS)


async def hear_deeds(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Keeps sales and visits, each once; one that was taken back stays so, whatever is heard later."""
    await session.execute(sa.text(_HEAR), {"rows": orjson.dumps(rows, default=str).decode()})


async def hear_cars(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Keeps of which model cars are; of several words the last."""
    await session.execute(sa.text(_CARS), {"rows": orjson.dumps(rows).decode()})


async def hear_stage(session: AsyncSession, customer_id: uuid.UUID, stage: int, version: int) -> None:
    """Keeps where somebody stands; what is older than known changes nothing."""
    await session.execute(sa.text(_STAGE), {"customer_id": customer_id, "stage": stage, "version": version})


async def forget_stages(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> None:
    """Takes people out of what is counted of stages."""
    await session.execute(
        sa.text("DELETE FROM known_stages WHERE customer_id = ANY(:ids)"), {"ids": list(customer_ids)}
    )


async def churn(reader: Reader, months: tuple[date, date]) -> list[asyncpg.Record]:
    """Returns the groups of people by what became of their complaints."""
    return list(await reader.fetch(_CHURN, *months))


async def count(
    reader: Reader, scope: Scope, months: tuple[date, date], groups: Sequence[int], filters: dict[str, Any]
) -> list[asyncpg.Record]:
    """Returns cars sold and visits of the months by those of the groups that an exposure has: `sale_count` and `visit_count`."""
    conditions, mine = query.Conditions(), [group for group in groups if group in _GROUPS]
    conditions.add("k.month BETWEEN {} AND {}", *months)
    conditions.parts.append("NOT k.voided")
    if not scope.everything:
        conditions.add("k.dealer_id = ANY({})", list(scope.dealers))
    if filters["dealer_id"]:
        conditions.add("k.dealer_id = {}", filters["dealer_id"])
    if filters["region_code"]:
        conditions.add("d.region_code = {}", filters["region_code"])
    for name in ("make", "model"):
        if filters[name]:
            conditions.add(f"lower(a.{name}) = lower({{}})", filters[name])
    if filters["model_year"]:
        conditions.add("a.model_year = {}", filters["model_year"])
    columns = "".join(f"{_GROUPS[group][1]} AS {_GROUPS[group][0]}, " for group in mine)
    grouped = f" GROUP BY {', '.join(str(place) for place in range(1, len(mine) + 1))}" if mine else ""
    cars = any(group in mine for group in (7, 8, 9)) or any(filters[one] for one in ("make", "model", "model_year"))
    joined = " LEFT JOIN known_dealers d ON d.dealer_id = k.dealer_id" if 6 in mine or filters["region_code"] else ""
    joined += " LEFT JOIN known_cars a ON a.vin = k.vin" if cars else ""
    sql = (
        f"SELECT {columns}count(*) FILTER (WHERE k.kind = 1) AS sale_count, "  # noqa: S608 - our own words
        f"count(*) FILTER (WHERE k.kind = 2) AS visit_count FROM known_deeds k{joined} WHERE {conditions.sql}{grouped}"
    )
    return list(await reader.fetch(sql, *conditions.arguments))
