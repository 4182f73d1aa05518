"""SQL of the channel feed."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import ChannelDay
from marque_vehicle.repository.scope import Scope

COLUMNS = (
    "dealer_id, day, source, stock_count, stock_age_days, stock_over_90_count, parts_count, currency, parts_value, receipts, "
    "receivables, update_time"
)


async def list_days(
    reader: Reader, scope: Scope, filters: dict[str, Any], page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of days in sight, the latest first, and one more."""
    conditions = query.Conditions()
    if not scope.everything:
        conditions.add("dealer_id = ANY({})", list(scope.dealers))
    if filters["date_from"]:
        conditions.add("day >= {}", filters["date_from"])
    if filters["date_to"]:
        conditions.add("day <= {}", filters["date_to"])
    if after is not None:
        conditions.add("(day, dealer_id, source) < ({}, {}, {})", *after)
    dealers = [uuid.UUID(filters["dealer_id"])] if filters["dealer_id"] else list(scope.dealers)
    order = query.Order("day", "dealer_id DESC, source", descending=True)
    driver = ("dealer_id", dealers, "uuid") if dealers or not scope.everything else None
    return await query.page(reader, "channel_days", COLUMNS, conditions, order, page, driver)


async def known(session: AsyncSession, keys: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], ChannelDay]:
    """Returns days by (dealer, day, source), for change."""
    wanted = sa.tuple_(ChannelDay.dealer_id, ChannelDay.day, ChannelDay.source).in_(sorted(set(keys)))
    order = (ChannelDay.dealer_id, ChannelDay.day, ChannelDay.source)
    found = await session.scalars(sa.select(ChannelDay).where(wanted).order_by(*order).with_for_update())
    return {(one.dealer_id, one.day, one.source): one for one in found}


async def put_all(session: AsyncSession, rows: list[dict[str, Any]]) -> None:
    """Writes days, over those of their keys."""
    if rows:
        statement = insert(ChannelDay.__table__)  # type: ignore[arg-type]
        key = ("dealer_id", "day", "source")
        changes = {name: statement.excluded[name] for name in rows[0] if name not in key}
        await session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changes), rows)
