"""SQL of counting: which cases are to be counted anew, what is read of them, their rows, and reports over these."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import asyncpg
import orjson
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from sqlalchemy.ext.asyncio import AsyncSession

from marque_complaint.models import CaseFact
from marque_complaint.repository import bulk
from marque_complaint.repository.scope import Scope

_MARK = """
INSERT INTO case_marks (case_id) SELECT one FROM unnest(CAST(:ids AS uuid[])) AS one ORDER BY one
ON CONFLICT (case_id) DO UPDATE SET case_id = EXCLUDED.case_id"""
_CLAIM = "SELECT case_id FROM case_marks ORDER BY case_id LIMIT :most FOR UPDATE SKIP LOCKED"
_OUTDATED = """
INSERT INTO case_marks (case_id) SELECT case_id FROM (
    SELECT case_id FROM case_facts WHERE basis < :basis AND ordinal = 0 ORDER BY basis, case_id LIMIT :most) old ORDER BY case_id
ON CONFLICT (case_id) DO UPDATE SET case_id = EXCLUDED.case_id"""
_READ = """
SELECT c.case_id, c.receive_time, c.dealer_id, c.kind, c.severity, c.make, c.model, c.model_year, c.components, c.category, c.subject,
    c.description, c.odometer_km, c.place, c.cause, d.time_zone, c.reopen_count, c.close_time IS NULL AS is_open,
    coalesce(r.met_time IS NOT NULL, false) AS response_met, coalesce(r.breach_time IS NOT NULL, false) AS response_breach,
    coalesce(s.met_time IS NOT NULL, false) AS resolution_met, coalesce(s.breach_time IS NOT NULL, false) AS resolution_breach
FROM cases c LEFT JOIN case_clocks r ON r.case_id = c.case_id AND r.kind = 1
    LEFT JOIN case_clocks s ON s.case_id = c.case_id AND s.kind = 3
    LEFT JOIN known_dealers d ON d.dealer_id = c.dealer_id
WHERE c.case_id = ANY(:ids) AND c.merged_into_case_id IS NULL"""
_REVISION = "SELECT coalesce(sum(version), 0) FROM case_terms WHERE scheme = 2"
_PREDICTION = """
SELECT system, system_score, predicted, category, category_score, category_predicted, suggester_version
FROM case_facts WHERE case_id = $1 AND ordinal = 0 AND (predicted OR category_predicted)"""
_facts: sa.Table = CaseFact.__table__  # type: ignore[assignment]
_SUMS = """count(*) AS case_count, count(*) FILTER (WHERE {predicted}) AS predicted_count,
    count(*) FILTER (WHERE response > 0) AS response_count, count(*) FILTER (WHERE response = 1) AS response_in_time_count,
    count(*) FILTER (WHERE resolution > 0) AS resolution_count, count(*) FILTER (WHERE resolution = 1) AS resolution_in_time_count,
    count(*) FILTER (WHERE reopened) AS reopened_count, count(*) FILTER (WHERE is_open) AS open_count,
    count(*) FILTER (WHERE severity = 4) AS safety_count"""


async def mark(session: AsyncSession, case_ids: Iterable[uuid.UUID]) -> None:
    """Notes that cases changed. Always an update where the mark stands: who counts the case just now is waited for, and marked again."""
    await session.execute(sa.text(_MARK), {"ids": sorted(set(case_ids))})


async def claim(session: AsyncSession, most: int) -> list[uuid.UUID]:
    """Returns marked cases, their marks locked; those that somebody else counts are passed over."""
    return list((await session.execute(sa.text(_CLAIM), {"most": most})).scalars())


async def mark_outdated(session: AsyncSession, basis: int, most: int) -> int:
    """Marks cases that were counted by older words, or predicted by what was learned before; returns how many."""
    found: Any = await session.execute(sa.text(_OUTDATED), {"basis": basis, "most": most})
    return int(found.rowcount)


async def read(session: AsyncSession, case_ids: Sequence[uuid.UUID]) -> list[dict[str, Any]]:
    """Returns what is counted of cases."""
    return [dict(row) for row in (await session.execute(sa.text(_READ), {"ids": list(case_ids)})).mappings()]


async def first_rows(session: AsyncSession, case_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Any]:
    """Returns the first row of each case that was counted before."""
    found = sa.select(_facts).where(_facts.c.case_id.in_(case_ids), _facts.c.ordinal == 0)
    return {row["case_id"]: row for row in (await session.execute(found)).mappings()}


async def replace(session: AsyncSession, case_ids: Sequence[uuid.UUID], rows: Sequence[dict[str, Any]]) -> None:
    """Writes the rows of cases in place of those before, and takes their marks away."""
    await session.execute(sa.delete(_facts).where(_facts.c.case_id.in_(case_ids)))
    await bulk.insert(session, CaseFact, rows, "case_id")
    await session.execute(sa.text("DELETE FROM case_marks WHERE case_id = ANY(:ids)"), {"ids": list(case_ids)})


async def revision(reader: Reader) -> int:
    """Returns a number that grows with every change of the components' terms."""
    return int(await reader.fetchval(_REVISION))


async def waiting(reader: Reader) -> bool:
    """Tells whether cases are still to be counted."""
    return bool(await reader.fetchval("SELECT EXISTS (SELECT FROM case_marks)"))


async def outdated(reader: Reader, basis: int) -> bool:
    """Tells whether cases were counted by older words."""
    return bool(await reader.fetchval("SELECT EXISTS (SELECT FROM case_facts WHERE basis < $1 AND ordinal = 0)", basis))


async def prediction(reader: Reader, case_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns what is predicted of a case; None for nothing."""
    return await reader.fetchrow(_PREDICTION, case_id)


# What a report may be counted by: the name of the line's field, and the column.
GROUPS = {
    1: ("month", "month"), 2: ("system", "system"), 3: ("component", "component"), 4: ("category", "category"),
    5: ("dealer_id", "f.dealer_id"), 6: ("region_code", "coalesce(d.region_code, '')"), 7: ("make", "make"), 8: ("model", "model"),
    9: ("model_year", "model_year"), 10: ("severity", "severity"), 11: ("mileage_from_km", "mileage_from_km"), 12: ("place", "place"),
    13: ("cause", "cause"), 14: ("weekday", "weekday"), 15: ("hour", "hour"),
}  # fmt: skip
_MONTH, _SYSTEM, _COMPONENT, _CATEGORY, _REGION = 1, 2, 3, 4, 6


async def count(
    reader: Reader, scope: Scope, months: tuple[date, date], groups: Sequence[int], filters: dict[str, Any], most: int
) -> list[asyncpg.Record]:
    """Returns the lines of a report and one more, the biggest first."""
    conditions = query.Conditions()
    conditions.add("month BETWEEN {} AND {}", *months)
    if scope.kind:
        conditions.add("kind = {}", scope.kind)
    if not scope.everything:
        conditions.add("f.dealer_id = ANY({})", list(scope.dealers))
    for name in ("kind", "make", "model", "model_year", "system"):
        if filters[name]:
            conditions.add(f"{name} = {{}}", filters[name])
    if filters["dealer_id"]:
        conditions.add("f.dealer_id = {}", filters["dealer_id"])
    if filters["region_code"]:
        conditions.add("d.region_code = {}", filters["region_code"])
    by_part = _COMPONENT in groups or _SYSTEM in groups or bool(filters["system"])
    if not by_part:
        conditions.parts.append("ordinal = 0")
    elif _COMPONENT not in groups:
        conditions.parts.append("leads_system")
    predicted = "category_predicted" if _CATEGORY in groups and not by_part else "predicted"
    if filters["given_only"]:
        conditions.parts.append(f"NOT {predicted}")
    joined = (
        " LEFT JOIN known_dealers d ON d.dealer_id = f.dealer_id" if _REGION in groups or filters["region_code"] else ""
    )
    columns = "".join(f"{GROUPS[group][1]} AS {GROUPS[group][0]}, " for group in groups)
    places = ", ".join(str(place) for place in range(1, len(groups) + 1))
    grouped = f"GROUP BY {places} " if places else ""
    order = f"case_count DESC{', ' + places if places else ''}"
    sql = (
        f"SELECT {columns}{_SUMS.format(predicted=predicted)} FROM case_facts f{joined} WHERE {conditions.sql} "  # noqa: S608
        f"{grouped}ORDER BY {order} LIMIT {conditions.bind(most + 1)}"
    )
    return list(await reader.fetch(sql, *conditions.arguments))


def from_json(value: Any) -> Any:
    """Reads JSON as the bare pool gives it: as text."""
    return orjson.loads(value) if isinstance(value, str | bytes) else value
