"""SQL of claims under warranty."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import WarrantyClaim
from marque_vehicle.repository.scope import Scope
from marque_vehicle.repository.warranty import COLUMNS as TERM

COLUMNS = (
    "claim_id, version, create_time, update_time, dealer_id, repair_order_id, repair_order_number, vin, state, currency, items, claimed, "
    "approved, recoverable, reason, parts_return, submissions, submit_time, decide_time, pay_time, payment_reference"
)
_MOST_TERMS = 5000  # clauses of one market
_SOLD = """
SELECT v.make, v.market, (SELECT coalesce(delivery_date, invoice_date) FROM sales WHERE vin = v.vin AND state = 1
    ORDER BY start_time, sale_id LIMIT 1) AS start
FROM vehicles v WHERE v.vin = :vin
"""


async def get_claim(reader: Reader, scope: Scope, claim_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns a claim in the caller's sight."""
    conditions = query.Conditions()
    conditions.add("claim_id = {}", claim_id)
    if not scope.everything:
        conditions.add("dealer_id = ANY({})", list(scope.dealers))
    sql = f"SELECT {COLUMNS} FROM warranty_claims WHERE {conditions.sql}"  # noqa: S608 - our own words
    return await reader.fetchrow(sql, *conditions.arguments)


async def list_claims(
    reader: Reader, scope: Scope, filters: dict[str, Any], order: query.Order, page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of claims and one more."""
    conditions = query.Conditions()
    if not scope.everything:
        conditions.add("dealer_id = ANY({})", list(scope.dealers))
    if filters["dealer_id"]:
        conditions.add("dealer_id = {}", filters["dealer_id"])
    if filters["repair_order_id"]:
        conditions.add("repair_order_id = {}", filters["repair_order_id"])
    conditions.equal("state", filters["state"])
    order.after(conditions, after)
    dealers = [filters["dealer_id"]] if filters["dealer_id"] else list(scope.dealers)
    driver: Any = ("dealer_id", dealers, "uuid") if dealers or not scope.everything else None
    if filters["vin"]:
        driver = ("vin", [filters["vin"]], "text")
    if filters["repair_order_id"]:
        driver = ("repair_order_id", [filters["repair_order_id"]], "uuid")
    return await query.page(reader, "warranty_claims", COLUMNS, conditions, order, page, driver)


async def lock_claim(session: AsyncSession, scope: Scope, claim_id: uuid.UUID) -> WarrantyClaim | None:
    """Returns a claim in the caller's sight for change."""
    found = sa.select(WarrantyClaim).where(WarrantyClaim.claim_id == claim_id)
    if not scope.everything:
        found = found.where(WarrantyClaim.dealer_id.in_(scope.dealers))
    return (await session.scalars(found.with_for_update())).one_or_none()


async def lock_standing(session: AsyncSession, repair_order_id: uuid.UUID) -> WarrantyClaim | None:
    """Returns the claim that stands for a repair order, for change."""
    over = (WarrantyClaim.REFUSED, WarrantyClaim.REVERSED)
    found = sa.select(WarrantyClaim).where(
        WarrantyClaim.repair_order_id == repair_order_id, WarrantyClaim.state.not_in(over)
    )
    return (await session.scalars(found.with_for_update())).one_or_none()


async def car_of(session: AsyncSession, vin: str) -> tuple[str, date | None, Sequence[Any]]:
    """Returns the make of a car, the day on which its warranty started (None before its first sale), and the clauses of its market."""
    car = (await session.execute(sa.text(_SOLD), {"vin": vin})).one()
    terms = sa.text(f"SELECT {TERM} FROM warranty_terms WHERE market = :market LIMIT {_MOST_TERMS}")  # noqa: S608 - our own words
    return car.make, car.start, (await session.execute(terms, {"market": car.market})).mappings().all()


async def remedied_a_recall(session: AsyncSession, repair_order_id: uuid.UUID, vin: str) -> bool:
    """Tells whether a recall was remedied by a repair order of a car."""
    found = sa.text("SELECT EXISTS (SELECT FROM recall_vehicles WHERE vin = :vin AND repair_order_id = :id)")
    return bool(await session.scalar(found, {"vin": vin, "id": repair_order_id}))
