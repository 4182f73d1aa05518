"""SQL of the model catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import CatalogueModel, CataloguePrice

COLUMNS = "model_code, version, create_time, update_time, make, series, model, names, model_year, energy, trims, options, required_groups"
PRICES = "model_code, item_code, market, valid_from, valid_before, currency, amount, update_time"
# A trim is offered on a day; the texts of the document order as its days do.
_OFFERED = (
    "EXISTS (SELECT FROM jsonb_array_elements(trims) AS t WHERE coalesce(t->>'offered_from', '') <= {0}::text "
    "AND coalesce(t->>'offered_before', '9999') > {0}::text)"
)
Prices = dict[tuple[str, str], tuple[str, int]]


async def get_model(reader: Reader, model_code: str) -> asyncpg.Record | None:
    """Returns a model."""
    return await reader.fetchrow(f"SELECT {COLUMNS} FROM catalogue_models WHERE model_code = $1", model_code)  # noqa: S608


async def models_of(reader: Reader, codes: Sequence[str]) -> dict[str, asyncpg.Record]:
    """Returns models by code."""
    rows = await reader.fetch(f"SELECT {COLUMNS} FROM catalogue_models WHERE model_code = ANY($1)", list(codes))  # noqa: S608
    return {row["model_code"]: row for row in rows}


async def list_models(
    reader: Reader, make: str, day: date, page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of the models that are offered on a day, by code, and one more."""
    conditions = query.Conditions()
    conditions.equal("make", make)
    conditions.parts.append(_OFFERED.format(conditions.bind(day.isoformat())))
    if after is not None:
        conditions.add("model_code > {}", after[0])
    limit = conditions.bind(page.size + 1)
    sql = f"SELECT {COLUMNS} FROM catalogue_models WHERE {conditions.sql} ORDER BY model_code LIMIT {limit}"  # noqa: S608
    return list(await reader.fetch(sql, *conditions.arguments))


async def prices_on(reader: Reader, codes: Sequence[str], market: str, day: date) -> Prices:
    """Returns (currency, minor units) by model and item of what has a price in a market on a day."""
    if not market:
        return {}
    rows = await reader.fetch(
        "SELECT model_code, item_code, currency, amount FROM catalogue_prices WHERE model_code = ANY($1) AND market = $2 "
        "AND valid_from <= $3 AND (valid_before IS NULL OR valid_before > $3)",
        list(codes),
        market,
        day,
    )
    return {(row["model_code"], row["item_code"]): (row["currency"], row["amount"]) for row in rows}


async def list_prices(
    reader: Reader, model_code: str, market: str, page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of a model's prices by item, market and first day, and one more."""
    conditions = query.Conditions()
    conditions.add("model_code = {}", model_code)
    conditions.equal("market", market)
    if after is not None:
        conditions.add("(item_code, market, valid_from) > ({}, {}, {})", *after)
    limit = conditions.bind(page.size + 1)
    sql = (
        f"SELECT {PRICES} FROM catalogue_prices WHERE {conditions.sql} "  # noqa: S608 - our own words
        f"ORDER BY item_code, market, valid_from LIMIT {limit}"
    )
    return list(await reader.fetch(sql, *conditions.arguments))


async def lock_model(session: AsyncSession, model_code: str) -> CatalogueModel | None:
    """Returns a model for change; writers of its prices take this lock too."""
    found = sa.select(CatalogueModel).where(CatalogueModel.model_code == model_code)
    return (await session.scalars(found.with_for_update())).one_or_none()


async def add_model(session: AsyncSession, values: dict[str, Any]) -> bool:
    """Writes a model, unless there is one of its code; tells whether it did."""
    row = insert(CatalogueModel).values(**values).on_conflict_do_nothing().returning(CatalogueModel.model_code)
    return await session.scalar(row) is not None


async def known_models(session: AsyncSession, codes: Sequence[str]) -> dict[str, CatalogueModel]:
    """Returns models by code."""
    found = sa.select(CatalogueModel).where(CatalogueModel.model_code.in_(sorted(set(codes))))
    return {one.model_code: one for one in await session.scalars(found)}


async def prices_held(session: AsyncSession, model_code: str, market: str, day: date) -> dict[str, tuple[str, int]]:
    """Returns (currency, minor units) by item of what has a price in a market on a day."""
    price = CataloguePrice
    found = sa.select(price.item_code, price.currency, price.amount).where(
        price.model_code == model_code,
        price.market == market,
        price.valid_from <= day,
        sa.or_(price.valid_before.is_(None), price.valid_before > day),
    )
    return {row.item_code: (row.currency, row.amount) for row in await session.execute(found)}


async def price(session: AsyncSession, key: dict[str, Any]) -> CataloguePrice | None:
    """Returns a price by its key."""
    return await session.get(CataloguePrice, key)


async def currency_of(session: AsyncSession, market: str) -> str:
    """Returns the currency of a market's prices; empty before the first one."""
    found = sa.select(CataloguePrice.currency).where(CataloguePrice.market == market).limit(1)
    return await session.scalar(found) or ""
