"""SQL of orders of parts."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import PartsOrder
from marque_vehicle.repository.scope import Scope

COLUMNS = (
    "parts_order_id, version, create_time, update_time, dealer_id, number, warehouse_code, part_number, quantity, repair_order_id, state, "
    "order_time, promised_date, promise_changes, arrive_time, cancel_reason"
)
# The next day is that of the station's calendar; what may still come by then is not counted yet.
_RATES = """
SELECT p.dealer_id, count(*) AS ordered, count(*) FILTER (WHERE arrived <= ordered + 1) AS next_day,
    count(*) FILTER (WHERE coalesce(arrived, today) <= promised_date) AS kept, count(promised_date) AS promised
FROM parts_orders p LEFT JOIN known_dealers d ON d.dealer_id = p.dealer_id
CROSS JOIN LATERAL (SELECT coalesce(nullif(d.time_zone, ''), 'UTC') AS zone) z
CROSS JOIN LATERAL (SELECT (p.order_time AT TIME ZONE zone)::date AS ordered, (p.arrive_time AT TIME ZONE zone)::date AS arrived,
    (now() AT TIME ZONE zone)::date AS today) days
WHERE p.state <> 3 AND (arrived IS NOT NULL OR today > ordered + 1) AND {where}
GROUP BY p.dealer_id ORDER BY p.dealer_id LIMIT {limit}
"""


def _narrow(conditions: query.Conditions, scope: Scope, dealer_id: uuid.UUID | None, column: str = "dealer_id") -> None:
    if not scope.everything:
        conditions.add(f"{column} = ANY({{}})", list(scope.dealers))
    if dealer_id:
        conditions.add(f"{column} = {{}}", dealer_id)


async def get_order(reader: Reader, scope: Scope, parts_order_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns an order in the caller's sight."""
    conditions = query.Conditions()
    conditions.add("parts_order_id = {}", parts_order_id)
    _narrow(conditions, scope, None)
    sql = f"SELECT {COLUMNS} FROM parts_orders WHERE {conditions.sql}"  # noqa: S608 - our own words
    return await reader.fetchrow(sql, *conditions.arguments)


async def list_orders(
    reader: Reader, scope: Scope, filters: dict[str, Any], order: query.Order, page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of orders and one more."""
    conditions = query.Conditions()
    dealer, repair_order = filters["dealer_id"], filters["repair_order_id"]
    _narrow(conditions, scope, dealer)
    conditions.equal("state", filters["state"])
    order.after(conditions, after)
    dealers = [dealer] if dealer else list(scope.dealers)
    driver: Any = ("dealer_id", dealers, "uuid") if dealers or not scope.everything else None
    if repair_order:
        driver = ("repair_order_id", [repair_order], "uuid")
    return await query.page(reader, "parts_orders", COLUMNS, conditions, order, page, driver)


async def fill_rates(
    reader: Reader, scope: Scope, dealer_id: uuid.UUID | None, first: date, last: date, page: Page,
    after: tuple[Any, ...] | None,
) -> list[asyncpg.Record]:  # fmt: skip
    """Returns a page of how fast parts came that were ordered within days, and one more."""
    conditions = query.Conditions()
    _narrow(conditions, scope, dealer_id, "p.dealer_id")
    conditions.add("p.order_time >= {}::date AND p.order_time < {}::date + 1", first, last)
    if after is not None:
        conditions.add("p.dealer_id > {}", after[0])
    sql = _RATES.format(limit=conditions.bind(page.size + 1), where=conditions.sql)
    return list(await reader.fetch(sql, *conditions.arguments))


async def lock_order(session: AsyncSession, scope: Scope, parts_order_id: uuid.UUID) -> PartsOrder | None:
    """Returns an order in the caller's sight for change."""
    found = sa.select(PartsOrder).where(PartsOrder.parts_order_id == parts_order_id)
    if not scope.everything:
        found = found.where(PartsOrder.dealer_id.in_(scope.dealers))
    return (await session.scalars(found.with_for_update())).one_or_none()


async def waits(session: AsyncSession, repair_order_id: uuid.UUID) -> bool:
    """Tells whether a repair order waits for a part."""
    found = sa.select(PartsOrder.parts_order_id).where(
        PartsOrder.repair_order_id == repair_order_id, PartsOrder.state == PartsOrder.ORDERED
    )
    return await session.scalar(found.limit(1)) is not None


async def next_number(session: AsyncSession) -> str:
    """Returns a number for an order that comes without one."""
    return f"PO-{await session.scalar(sa.text('SELECT nextval(:name)'), {'name': 'parts_order_numbers'})}"
