"""SQL of KPIs, scorecard models and values."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_network.models import Dealer, Kpi, KpiValue, ScorecardModel
from marque_network.repository.scoped import paged, visible_to
from marque_network.rules.periods import Span

_kpis: sa.Table = Kpi.__table__  # type: ignore[assignment]
_models: sa.Table = ScorecardModel.__table__  # type: ignore[assignment]
_values: sa.Table = KpiValue.__table__  # type: ignore[assignment]
_dealers: sa.Table = Dealer.__table__  # type: ignore[assignment]
Values = dict[uuid.UUID, dict[str, dict[Span, float]]]
# Writers of a KPI or model that is not there yet take turns by a lock of its own.
_LOCK = 0x4D41_5251_0000_0000


async def get_kpi(session: AsyncSession, kpi_code: str) -> Kpi | None:
    """Returns a KPI to change; until the end of the transaction nobody else writes it."""
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(kpi_code, _LOCK))))
    return await session.get(Kpi, kpi_code)


async def get_model(session: AsyncSession, year: int) -> ScorecardModel | None:
    """Returns the model of a year to change; until the end of the transaction nobody else writes it."""
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK + year)))
    return await session.get(ScorecardModel, year)


async def read_model(session: AsyncSession, year: int) -> Any:
    """Returns the row of the model of a year, or None."""
    return (await session.execute(sa.select(_models).where(_models.c.year == year))).one_or_none()


async def list_kpis(session: AsyncSession, page: Page, after: tuple[Any, ...] | None) -> Sequence[Any]:
    """Returns a page of KPIs and one more."""
    return (await session.execute(paged(sa.select(_kpis), (_kpis.c.kpi_code,), False, page, after))).all()


async def kpis(session: AsyncSession, codes: Collection[str]) -> dict[str, Any]:
    """Returns the KPIs among some codes."""
    rows = await session.execute(sa.select(_kpis).where(_kpis.c.kpi_code.in_(sorted(set(codes)))))
    return {row.kpi_code: row for row in rows}


def _key(row: Any) -> tuple[Any, ...]:
    return row.dealer_id, row.kpi_code, row.year, row.quarter, row.month


async def known_values(session: AsyncSession, keys: Collection[tuple[Any, ...]]) -> dict[tuple[Any, ...], Any]:
    """Returns the values under some (dealer, KPI, year, quarter, month)."""
    c = _values.c
    wanted = sa.tuple_(c.dealer_id, c.kpi_code, c.year, c.quarter, c.month)
    # The plain conditions are for the index: a list of rows alone would not use it.
    dealers = sorted({key[0] for key in keys})
    query = sa.select(_values).where(c.dealer_id.in_(dealers), wanted.in_(list(keys)))
    return {_key(row): row for row in await session.execute(query)}


async def write_values(session: AsyncSession, rows: Sequence[dict[str, Any]], at: datetime) -> None:
    """Writes values; those that are there are replaced. The caller holds the dealers' locks."""
    if not rows:
        return
    statement = insert(_values)
    replaced = {name: statement.excluded[name] for name in ("value", "source", "update_time")}
    statement = statement.on_conflict_do_update(index_elements=list(_values.primary_key.columns), set_=replaced)
    await session.execute(statement, [{**row, "update_time": at} for row in rows])


async def list_values(
    session: AsyncSession,
    principal: Principal,
    filters: dict[str, Any],
    order_by: str,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of values and one more."""
    c = _values.c
    query = sa.select(_values).where(visible_to(principal, c.dealer_id))
    query = query.where(*(c[name] == value for name, value in filters.items()))
    columns = (c.update_time, c.dealer_id, c.kpi_code, c.year, c.quarter, c.month)
    return (await session.execute(paged(query, columns, order_by != "update_time", page, after))).all()


_PLACE = (_dealers.c.dealer_id, _dealers.c.code, _dealers.c.region_code, _dealers.c.group_code, _dealers.c.status)


async def judged_dealer(session: AsyncSession, principal: Principal, dealer_id: uuid.UUID) -> Any:
    """Returns a dealer in the caller's scope, or None."""
    query = sa.select(*_PLACE).where(_dealers.c.dealer_id == dealer_id, visible_to(principal, _dealers.c.dealer_id))
    return (await session.execute(query)).one_or_none()


async def judged_dealers(
    session: AsyncSession,
    principal: Principal,
    filters: dict[str, Any],
    descending: bool,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of the dealers in the caller's scope that are not closed, and one more, by code."""
    c = _dealers.c
    query = sa.select(*_PLACE).where(visible_to(principal, c.dealer_id), c.status != Dealer.CLOSED)
    query = query.where(*(c[name] == value for name, value in filters.items()))
    return (await session.execute(paged(query, (c.code, c.dealer_id), descending, page, after))).all()


async def compared_dealers(session: AsyncSession, principal: Principal, column: str) -> Sequence[Any]:
    """Returns all dealers in the caller's scope that are not closed and have a region, or group."""
    c = _dealers.c
    query = sa.select(*_PLACE).where(visible_to(principal, c.dealer_id), c.status != Dealer.CLOSED, c[column] != "")
    return (await session.execute(query)).all()


async def values_of(
    session: AsyncSession, dealer_ids: Sequence[uuid.UUID], codes: Iterable[str], period: Span
) -> Values:
    """Returns the values of dealers by KPI and period: those of the period and of its months."""
    c = _values.c
    months = sa.and_(c.quarter == 0, c.month.in_(list(period.months)))
    same = sa.and_(c.quarter == period.quarter, c.month == period.month)
    found: Values = {}
    for part in range(0, len(dealer_ids), 500):
        query = sa.select(_values).where(
            c.dealer_id.in_(dealer_ids[part : part + 500]),
            c.year == period.year,
            c.kpi_code.in_(sorted(codes)),
            sa.or_(months, same),
        )
        for row in await session.execute(query):
            span = Span(row.year, row.quarter, row.month)
            found.setdefault(row.dealer_id, {}).setdefault(row.kpi_code, {})[span] = row.value
    return found
