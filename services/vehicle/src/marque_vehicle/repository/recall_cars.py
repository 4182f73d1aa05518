"""SQL that brings cars into scopes and out of them, freezes scopes, and notes remedies: in sets, whatever their size."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import Recall, RecallScope
from marque_vehicle.repository.recalls import CARS, in_scope

NO_DEALER = uuid.UUID(int=0)  # in counts, for remedies without a station

_RESTORE = """
UPDATE recall_vehicles SET removed_version = NULL
WHERE recall_id = :recall_id AND vin = ANY(:vins) AND removed_version = :next RETURNING vin
"""
# A car that is brought in again keeps what was known of it.
_ADD = """
INSERT INTO recall_vehicles (recall_id, vin, first_version, state, remedy_kind, remedy_time, dealer_id, repair_order_id,
    unreachable_reason, unreachable_time)
SELECT :recall_id, n.vin, :next, coalesce(b.state, 1), coalesce(b.remedy_kind, 0), b.remedy_time, b.dealer_id, b.repair_order_id,
    coalesce(b.unreachable_reason, 0), b.unreachable_time
FROM ({source}) AS n
LEFT JOIN LATERAL (
    SELECT * FROM recall_vehicles b WHERE b.recall_id = :recall_id AND b.vin = n.vin ORDER BY b.first_version DESC LIMIT 1) b ON true
WHERE b.vin IS NULL OR b.removed_version IS NOT NULL
ON CONFLICT DO NOTHING RETURNING vin
"""
_DROP = "DELETE FROM recall_vehicles WHERE recall_id = :recall_id AND vin = ANY(:vins) AND first_version = :next RETURNING vin"
_REMOVE = """
UPDATE recall_vehicles SET removed_version = :next
WHERE recall_id = :recall_id AND vin = ANY(:vins) AND removed_version IS NULL RETURNING vin
"""


async def add(session: AsyncSession, recall: Recall, vins: Sequence[str]) -> tuple[set[str], set[str]]:
    """Brings cars into the next version of a scope; returns those that were added, and those whose removal was taken back."""
    values = {"recall_id": recall.recall_id, "vins": list(vins), "next": recall.scope_version + 1}
    restored = set((await session.execute(sa.text(_RESTORE), values)).scalars())
    source = "SELECT DISTINCT vin FROM unnest(CAST(:vins AS text[])) AS vin"
    added = set((await session.execute(sa.text(_ADD.format(source=source)), values)).scalars())
    return added, restored


async def remove(session: AsyncSession, recall: Recall, vins: Sequence[str]) -> set[str]:
    """Takes cars out of the next version of a scope; returns those that were in it."""
    values = {"recall_id": recall.recall_id, "vins": list(vins), "next": recall.scope_version + 1}
    dropped = set((await session.execute(sa.text(_DROP), values)).scalars())
    return dropped | set((await session.execute(sa.text(_REMOVE), values)).scalars())


_RULE = {
    "make": "make = :make",
    "models": "model = ANY(:models)",
    "model_year_from": "model_year >= :model_year_from",
    "model_year_to": "model_year <= :model_year_to AND model_year > 0",
    "build_date_from": "build_date >= :build_date_from",
    "build_date_to": "build_date <= :build_date_to",
    "plants": "plant = ANY(:plants)",
    "market": "market = :market",
}


async def count_by_rule(session: AsyncSession, rule: dict[str, Any], limit: int) -> int:
    """Returns how many registered cars meet a rule; at most `limit` are counted."""
    met = " AND ".join(_RULE[name] for name in sorted(rule))
    counted = f"SELECT count(*) FROM (SELECT FROM vehicles WHERE {met} LIMIT :limit) AS met"  # noqa: S608 - our own words
    return int(await session.scalar(sa.text(counted), {**rule, "limit": limit}) or 0)


async def add_by_rule(session: AsyncSession, recall: Recall, rule: dict[str, Any]) -> int:
    """Brings the registered cars that meet a rule into the next version of a scope; returns how many were added."""
    met = " AND ".join(_RULE[name] for name in sorted(rule))
    values = {"recall_id": recall.recall_id, "next": recall.scope_version + 1, **rule}
    statement = _ADD.format(source=f"SELECT vin FROM vehicles WHERE {met}")  # noqa: S608 - our own words
    counted = f"WITH added AS ({statement}) SELECT count(*) FROM added"  # noqa: S608
    return int(await session.scalar(sa.text(counted), values) or 0)


_PENDING = """
SELECT (SELECT count(*) FROM recall_vehicles WHERE recall_id = :recall_id AND first_version = :next) AS added,
    (SELECT count(*) FROM recall_vehicles WHERE recall_id = :recall_id AND removed_version = :next) AS removed
"""
_DIGEST = f"""
SELECT count(*) AS cars, encode(sha256(convert_to(coalesce(string_agg(c.vin, chr(10) ORDER BY c.vin), ''), 'UTF8')), 'hex') AS digest
FROM recall_vehicles c WHERE c.recall_id = :recall_id AND {in_scope(":next")}
"""  # noqa: S608 - our own words


async def pending(session: AsyncSession, recall: Recall) -> RecallScope | None:
    """Returns what the next version of a scope would be; None where nothing was added or taken out."""
    values = {"recall_id": recall.recall_id, "next": recall.scope_version + 1}
    changed = (await session.execute(sa.text(_PENDING), values)).one()
    if not (changed.added or changed.removed):
        return None
    whole = (await session.execute(sa.text(_DIGEST), values)).one()
    return RecallScope(
        recall_id=recall.recall_id,
        scope_version=values["next"],
        vehicle_count=whole.cars,
        added_count=changed.added,
        removed_count=changed.removed,
        digest=whole.digest,
    )


async def lock_scope(session: AsyncSession, recall_id: uuid.UUID, version: int) -> RecallScope | None:
    """Returns a version of a scope for change."""
    found = sa.select(RecallScope).where(RecallScope.recall_id == recall_id, RecallScope.scope_version == version)
    return (await session.scalars(found.with_for_update())).one_or_none()


async def new_cars(session: AsyncSession, scope: RecallScope, limit: int) -> list[Any]:
    """Returns the next cars that a version brought in, by VIN, of which was not told yet: `vin, version`."""
    statement = sa.text(
        "SELECT vin, version FROM recall_vehicles WHERE recall_id = :recall_id AND first_version = :version AND vin > :after "
        "ORDER BY vin LIMIT :limit"
    )
    values = {"recall_id": scope.recall_id, "version": scope.scope_version, "after": scope.told_upto, "limit": limit}
    return list(await session.execute(statement, values))


_EARLIER = """
SELECT DISTINCT ON (o.vin) o.vin, o.repair_order_id, o.dealer_id, o.close_time FROM repair_orders o
WHERE o.vin = ANY(:vins) AND o.state = 2 AND o.lines @> ANY (CAST(:patterns AS jsonb[])) ORDER BY o.vin, o.close_time
"""


async def remedied_before(session: AsyncSession, vins: Sequence[str], patterns: Sequence[str]) -> list[Any]:
    """Returns the first closed visit of each of some cars with a line like one of some patterns."""
    found = await session.execute(sa.text(_EARLIER), {"vins": list(vins), "patterns": list(patterns)})
    return list(found)


_REMEDY = f"""
UPDATE recall_vehicles c SET state = 2, version = c.version + 1, remedy_kind = :kind, remedy_time = :moment, dealer_id = :dealer_id,
    repair_order_id = :repair_order_id
FROM recalls r
WHERE c.vin = :vin AND r.recall_id = c.recall_id AND r.state = 2 AND c.state = 1 AND {in_scope("r.scope_version")}
    AND (r.recall_id = :recall_id OR (CAST(:recall_id AS uuid) IS NULL
        AND (r.remedy_operation_codes && CAST(:operations AS text[]) OR r.code = ANY(CAST(:codes AS text[])))))
RETURNING c.recall_id, c.vin, c.version, c.state, c.first_version, c.remedy_kind, c.remedy_time, c.dealer_id, c.repair_order_id
"""  # noqa: S608 - our own words


async def remedy(session: AsyncSession, vin: str, values: dict[str, Any]) -> list[Any]:
    """Says that a car was remedied of one recall (`recall_id`), or of all that some operations or numbers stand for; returns the rows that
    changed, and counts them.
    """
    facts = {"recall_id": None, "operations": [], "codes": [], "dealer_id": None, "repair_order_id": None, **values}
    rows = list(await session.execute(sa.text(_REMEDY), {"vin": vin, **facts}))
    await count(session, ((row.recall_id, _week(row.remedy_time), row.dealer_id or NO_DEALER) for row in rows))
    return rows


def _week(moment: datetime) -> date:
    day = moment.date()
    return date.fromordinal(day.toordinal() - day.weekday())


async def count(session: AsyncSession, remedied: Iterable[tuple[uuid.UUID, date, uuid.UUID]]) -> None:
    """Counts remedies by recall, week and station, in one order, so that two writers do not wait for each other."""
    for recall_id, week, dealer_id in sorted(remedied):
        await session.execute(
            sa.text(
                "INSERT INTO recall_completions AS c (recall_id, week, dealer_id, remedied) VALUES (:recall_id, :week, :dealer_id, 1) "
                "ON CONFLICT (recall_id, week, dealer_id) DO UPDATE SET remedied = c.remedied + 1"
            ),
            {"recall_id": recall_id, "week": week, "dealer_id": dealer_id},
        )


async def car(session: AsyncSession, recall: Recall, vin: str) -> Any:
    """Returns a car of the present scope; None where it is not in it."""
    statement = sa.text(
        f"SELECT {CARS} "  # noqa: S608 - our own words
        f"FROM recall_vehicles c WHERE c.recall_id = :recall_id AND c.vin = :vin AND {in_scope(':version')}"
    )
    values = {"recall_id": recall.recall_id, "vin": vin, "version": recall.scope_version}
    return (await session.execute(statement, values)).one_or_none()


_UNREACHABLE = f"""
UPDATE recall_vehicles c SET version = c.version + 1, unreachable_reason = :reason, unreachable_time = :moment
WHERE c.recall_id = :recall_id AND c.vin = :vin AND {in_scope(":version")} AND c.unreachable_reason <> :reason
"""  # noqa: S608 - our own words


async def note_unreachable(session: AsyncSession, recall: Recall, vin: str, reason: int, moment: datetime) -> None:
    """Keeps why a car of the present scope cannot be remedied, where it is another reason than before; 0 for none."""
    values = {"recall_id": recall.recall_id, "vin": vin, "version": recall.scope_version, "reason": reason}
    await session.execute(sa.text(_UNREACHABLE), {**values, "moment": moment if reason else None})
