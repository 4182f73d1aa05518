"""SQL of quotes, their versions and limits. Every adviser of a dealer sees all of its quotes, whoever made them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import Quote, QuoteRulesVersion, QuoteVersion
from marque_customer.repository.leads import visible_to as scoped
from marque_customer.rules.quotes import ACCEPTED, OPEN

_quotes: sa.Table = Quote.__table__  # type: ignore[assignment]
_versions: sa.Table = QuoteVersion.__table__  # type: ignore[assignment]
_rules: sa.Table = QuoteRulesVersion.__table__  # type: ignore[assignment]
PAST = 20


def visible_to(principal: Principal) -> sa.ColumnElement[bool]:
    """The quotes that a caller may see."""
    return scoped(principal, _quotes.c.dealer_id)


async def latest_rules(session: AsyncSession) -> Any:
    """Returns the row of the latest version of the limits; the migration wrote the first."""
    return (await session.execute(sa.select(_rules).order_by(_rules.c.version.desc()).limit(1))).one()


async def rules_of(session: AsyncSession, version: int) -> Any:
    """Returns the row of a version of the limits, or None."""
    return (await session.execute(sa.select(_rules).where(_rules.c.version == version))).one_or_none()


async def lock_rules(session: AsyncSession) -> None:
    """Holds the limits until the transaction ends, so that two versions are never written at once."""
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended("quote_rules", 0))))


async def read(session: AsyncSession, principal: Principal, quote_id: uuid.UUID) -> Any:
    """Returns the row of a quote in sight, or None."""
    query = sa.select(_quotes).where(_quotes.c.quote_id == quote_id, visible_to(principal))
    return (await session.execute(query)).one_or_none()


async def locked(session: AsyncSession, principal: Principal, quote_id: uuid.UUID) -> Quote | None:
    """Returns a quote in sight, to change; its person's row must be locked before."""
    query = sa.select(Quote).where(Quote.quote_id == quote_id, visible_to(principal)).with_for_update()
    return (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()


async def open_of(session: AsyncSession, lead_id: uuid.UUID) -> list[Quote]:
    """Returns the open quotes of a lead, to change, in the order of their ids; the lead's row must be locked."""
    query = sa.select(Quote).where(Quote.lead_id == lead_id, Quote.state.in_(OPEN))
    return list(await session.scalars(query.order_by(Quote.quote_id).with_for_update()))


async def count_of(session: AsyncSession, lead_id: uuid.UUID) -> int:
    """Returns how many quotes a lead has; the lead's row must be locked."""
    query = sa.select(sa.func.count()).select_from(_quotes).where(_quotes.c.lead_id == lead_id)
    return int(await session.scalar(query) or 0)


async def versions(session: AsyncSession, quote_id: uuid.UUID, limit: int) -> Sequence[Any]:
    """Returns the former versions of a quote, newest first."""
    query = sa.select(_versions).where(_versions.c.quote_id == quote_id).order_by(_versions.c.number.desc())
    return (await session.execute(query.limit(limit))).all()


async def page(
    session: AsyncSession,
    principal: Principal,
    equal: dict[str, Any],
    family: Sequence[uuid.UUID] | None,
    open_only: bool,
    descending: bool,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of quotes and one more; `family`: only of these ids of one person, None for everybody's."""
    c = _quotes.c
    query = sa.select(_quotes).where(visible_to(principal), *(c[name] == value for name, value in equal.items()))
    if family is not None:
        query = query.where(c.customer_id.in_(family))
    if open_only:
        query = query.where(c.state.in_(OPEN))
    key = sa.tuple_(c.create_time, c.quote_id)
    if after is not None:
        query = query.where(key < after if descending else key > after)
    order = (c.create_time.desc(), c.quote_id.desc()) if descending else (c.create_time, c.quote_id)
    return (await session.execute(query.order_by(*order).limit(page.size + 1))).all()


async def past(session: AsyncSession, dealer_id: uuid.UUID, family: Sequence[uuid.UUID]) -> Sequence[Any]:
    """Returns what a dealer offered to a person, newest first, at most 20."""
    c = _quotes.c
    query = sa.select(_quotes).where(c.customer_id.in_(family), c.dealer_id == dealer_id, c.send_time.isnot(None))
    return (await session.execute(query.order_by(c.create_time.desc(), c.quote_id.desc()).limit(PAST))).all()


async def experience(session: AsyncSession, dealer_id: uuid.UUID, car_key: str, since: datetime) -> Any:
    """Returns `sent, accepted, median, highest` of a dealer's quotes for like cars since a moment: basis points of the accepted ones."""
    c = _quotes.c
    taken = c.state == ACCEPTED
    middle = sa.func.percentile_disc(0.5).within_group(c.discount_basis_points)
    query = sa.select(
        sa.func.count().label("sent"),
        sa.func.count().filter(taken).label("accepted"),
        middle.filter(taken).label("median"),
        sa.func.max(c.discount_basis_points).filter(taken).label("highest"),
    ).where(c.dealer_id == dealer_id, c.car_key == car_key, c.create_time >= since, c.send_time.isnot(None))
    return (await session.execute(query)).one()
