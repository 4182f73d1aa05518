"""SQL of recalls, for reading. What a version of a scope holds is said by `in_scope`, once."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import Recall
from marque_vehicle.repository.scope import Scope
from marque_vehicle.rules.recall_reports import Cars

COLUMNS = (
    "recall_id, version, create_time, update_time, code, title, defect, remedy, remedy_operation_codes, market, wordings, state, "
    "scope_version, open_time, close_time"
)
CARS = (
    "c.vin, c.state, c.first_version, c.remedy_time, c.remedy_kind, c.dealer_id, c.repair_order_id, c.unreachable_reason, "
    "c.unreachable_time"
)


def in_scope(version: str, alias: str = "c") -> str:
    """The condition that a car is in a version of a scope."""
    return f"({alias}.first_version <= {version} AND ({alias}.removed_version IS NULL OR {alias}.removed_version > {version}))"


def _seen(scope: Scope) -> str:
    return "true" if scope.everything else "state <> 1" if scope.dealers else "false"


async def get_recall(reader: Reader, scope: Scope, recall_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns a recall in the caller's sight."""
    return await reader.fetchrow(f"SELECT {COLUMNS} FROM recalls WHERE recall_id = $1 AND {_seen(scope)}", recall_id)  # noqa: S608


async def scopes_of(reader: Reader, recall_id: uuid.UUID) -> list[asyncpg.Record]:
    """Returns the versions of a scope, the latest first; they are few."""
    return list(
        await reader.fetch(
            "SELECT scope_version, vehicle_count, added_count, removed_count, digest, freeze_time FROM recall_scopes "
            "WHERE recall_id = $1 ORDER BY scope_version DESC LIMIT 1000",
            recall_id,
        )
    )


async def list_recalls(
    reader: Reader, scope: Scope, state: int, code: str, order: query.Order, page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of recalls in sight and one more."""
    conditions = query.Conditions()
    conditions.parts.append(_seen(scope))
    conditions.equal("state", state)
    conditions.equal("code", code)
    order.after(conditions, after)
    return await query.page(reader, "recalls", COLUMNS, conditions, order, page, None)


async def list_cars(
    reader: Reader,
    scope: Scope,
    recall_id: uuid.UUID,
    version: int,
    state: int,
    dealer_id: uuid.UUID | None,
    page: Page,
    after: tuple[Any, ...] | None,
) -> list[asyncpg.Record]:
    """Returns a page of a scope's cars by VIN and one more; for dealers those related to them, of whom each walks its own index."""
    conditions = query.Conditions()
    conditions.add("c.recall_id = {}", recall_id)
    conditions.parts.append(in_scope(conditions.bind(version)))
    conditions.equal("c.state", state)
    order = query.Order("c.vin", "c.first_version", False)
    if after is not None:
        conditions.add("c.vin > {}", after[0])
    limit = conditions.bind(page.size + 1)
    dealers = list(scope.dealers)
    if dealer_id is not None:
        dealers = [one for one in [dealer_id] if scope.everything or one in scope.dealers]
    if scope.everything and dealer_id is None:
        sql = f"SELECT {CARS} FROM recall_vehicles c WHERE {conditions.sql} ORDER BY {order.sql} LIMIT {limit}"  # noqa: S608
        return list(await reader.fetch(sql, *conditions.arguments))
    held = conditions.bind(dealers)
    sql = f"""
        SELECT DISTINCT {CARS} FROM unnest({held}::uuid[]) AS drive(id) CROSS JOIN LATERAL (
            SELECT c.* FROM dealer_vehicles d JOIN recall_vehicles c ON c.vin = d.vin
            WHERE d.dealer_id = drive.id AND {conditions.sql} ORDER BY d.vin LIMIT {limit}) AS c
        ORDER BY c.vin LIMIT {limit}
    """  # noqa: S608 - our own words
    return list(await reader.fetch(sql, *conditions.arguments))


_OWNERS = f"""
SELECT c.vin, c.state, c.unreachable_reason, o.customers, v.vin IS NOT NULL AS registered
FROM recall_vehicles c
LEFT JOIN vehicles v ON v.vin = c.vin
LEFT JOIN LATERAL (
    SELECT array_agg(o.customer_id ORDER BY o.customer_id) FILTER (WHERE o.customer_id IS NOT NULL) AS customers FROM ownerships o
    WHERE o.vin = c.vin AND o.role = 1 AND o.known_until IS NULL AND o.valid_from <= $3
        AND (o.valid_until IS NULL OR o.valid_until > $3)) o ON true
WHERE c.recall_id = $1 AND {in_scope("$2")} AND ($4 = 0 OR c.state = $4) AND ($5::text IS NULL OR c.vin > $5)
    AND (NOT $6 OR o.customers IS NULL OR c.state = 1 AND c.unreachable_reason <> 0)
ORDER BY c.vin LIMIT $7
"""  # noqa: S608 - our own words


async def list_owners(
    reader: Reader,
    recall_id: uuid.UUID,
    version: int,
    valid: datetime,
    state: int,
    page: Page,
    after: tuple[Any, ...] | None,
    *,
    unreachable: bool,
) -> list[asyncpg.Record]:
    """Returns a page of a scope's cars with who owned them at an instant, as known now, and one more."""
    last = after[0] if after else None
    return list(await reader.fetch(_OWNERS, recall_id, version, valid, state, last, unreachable, page.size + 1))


async def look_up(reader: Reader, vin: str) -> list[asyncpg.Record]:
    """Returns the open recalls that are still to be remedied on a car, as anybody may know them."""
    return list(
        await reader.fetch(
            "SELECT r.code, r.title, r.defect, r.remedy, r.wordings, c.state, r.open_time FROM recall_vehicles c "  # noqa: S608 - our own words
            f"JOIN recalls r ON r.recall_id = c.recall_id WHERE c.vin = $1 AND r.state = 2 AND c.state = 1 "
            f"AND {in_scope('r.scope_version')} ORDER BY r.open_time DESC, r.code LIMIT 200",
            vin,
        )
    )


async def completion(reader: Reader, scope: Scope, recall_id: uuid.UUID) -> list[asyncpg.Record]:
    """Returns how many cars were remedied, by week and station in sight."""
    return list(
        await reader.fetch(
            "SELECT week, nullif(dealer_id, '00000000-0000-0000-0000-000000000000') AS dealer_id, remedied FROM recall_completions "
            "WHERE recall_id = $1 AND ($2 OR dealer_id = ANY($3)) ORDER BY week, dealer_id",
            recall_id,
            scope.everything,
            list(scope.dealers),
        )
    )


_FATES = """
SELECT first_version, removed_version, remedy_kind, width_bucket(remedy_time, $2::timestamptz[]) AS remedied, unreachable_reason,
    width_bucket(unreachable_time, $2::timestamptz[]) AS lost, count(*) AS cars
FROM recall_vehicles WHERE recall_id = $1 GROUP BY 1, 2, 3, 4, 5, 6
"""


async def count_fates(reader: Reader, recall_id: uuid.UUID, ends: Sequence[datetime]) -> list[Cars]:
    """Counts the cars that were ever in a scope by what became of them and when; `ends` are the first moments after each period."""
    return [
        Cars(
            row["first_version"], row["removed_version"], row["cars"], row["remedied"], row["remedy_kind"], row["lost"],
            row["unreachable_reason"],
        )
        for row in await reader.fetch(_FATES, recall_id, list(ends))
    ]  # fmt: skip


async def vehicle_count(reader: Reader, recall_id: uuid.UUID, version: int) -> int:
    """Returns how many cars a version of a scope holds."""
    sql = "SELECT vehicle_count FROM recall_scopes WHERE recall_id = $1 AND scope_version = $2"
    return int(await reader.fetchval(sql, recall_id, version) or 0)


async def lock_recall(session: AsyncSession, recall_id: uuid.UUID) -> Recall | None:
    """Returns a recall for change."""
    found = sa.select(Recall).where(Recall.recall_id == recall_id)
    return (await session.scalars(found.with_for_update())).one_or_none()


async def hold_recalls(session: AsyncSession, codes: Sequence[str]) -> dict[str, Recall]:
    """Returns recalls by number, which nobody opens or closes while the transaction lasts: cars are added to their next versions."""
    found = sa.select(Recall).where(Recall.code.in_(sorted(set(codes)))).order_by(Recall.recall_id)
    return {one.code: one for one in await session.scalars(found.with_for_update(read=True))}
