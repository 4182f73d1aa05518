"""SQL of holdings: seen by who looks after them, by the maker's people, and by whose they are."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from servicekit.dealers import in_scope
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import Customer, Holding, SourceReference
from marque_customer.repository.sight import sight_of
from marque_customer.repository.sight import visible_to as customer_visible

_holdings: sa.Table = Holding.__table__  # type: ignore[assignment]


def visible_to(principal: Principal) -> sa.ColumnElement[bool]:
    """The rows that a caller may see: values are prices, so a dealer sees what it looks after itself (access.md)."""
    if principal.is_owner:
        own = sight_of(principal).own
        root = sa.func.customer_root(sa.bindparam("own", own, sa.Uuid))
        return sa.false() if own is None else sa.func.customer_root(_holdings.c.customer_id) == root
    return sa.true() if principal.sees_all_rows else in_scope(principal, _holdings.c.dealer_id)


async def read(session: AsyncSession, principal: Principal, holding_id: uuid.UUID) -> Any:
    """Returns the row of a holding in sight, or None."""
    query = sa.select(_holdings).where(_holdings.c.holding_id == holding_id, visible_to(principal))
    return (await session.execute(query)).one_or_none()


async def locked(session: AsyncSession, principal: Principal, holding_id: uuid.UUID) -> Holding | None:
    """Returns a holding in sight, to change."""
    query = sa.select(Holding).where(Holding.holding_id == holding_id, visible_to(principal))
    return (await session.scalars(query.with_for_update())).one_or_none()


async def page(
    session: AsyncSession,
    principal: Principal,
    family: Sequence[uuid.UUID],
    equal: dict[str, Any],
    descending: bool,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of the holdings of a customer and those merged into it, and one more."""
    c = _holdings.c
    query = sa.select(_holdings).where(
        c.customer_id.in_(family), visible_to(principal), *(c[name] == value for name, value in equal.items())
    )
    key = sa.tuple_(c.create_time, c.holding_id)
    if after is not None:
        query = query.where(key < after if descending else key > after)
    order = (c.create_time.desc(), c.holding_id.desc()) if descending else (c.create_time, c.holding_id)
    return (await session.execute(query.order_by(*order).limit(page.size + 1))).all()


async def renewals(
    session: AsyncSession,
    principal: Principal,
    before: date,
    equal: dict[str, Any],
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of what is to be renewed before a day, the most pressing first, and one more."""
    c = _holdings.c
    query = sa.select(_holdings).where(
        c.state == Holding.ACTIVE,
        c.renewal_date.isnot(None),
        c.renewal_date < before,
        visible_to(principal),
        *(c[name] == value for name, value in equal.items()),
    )
    if after is not None:
        query = query.where(sa.tuple_(c.renewal_date, c.holding_id) > after)
    return (await session.execute(query.order_by(c.renewal_date, c.holding_id).limit(page.size + 1))).all()


async def by_key(session: AsyncSession, source: str, owner: uuid.UUID, keys: Sequence[str]) -> dict[str, Holding]:
    """Returns the holdings that a source has told of, by their keys there, to change, in the order of ids."""
    query = sa.select(Holding).where(
        Holding.source == source, Holding.owner_id == owner, Holding.source_key.in_(keys), Holding.source_key != ""
    )
    return {row.source_key: row for row in await session.scalars(query.order_by(Holding.holding_id).with_for_update())}


async def people(session: AsyncSession, principal: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Returns for customers who stands for them, where that is in sight; held until the transaction ends, in the order of ids."""
    root = sa.func.customer_root(Customer.customer_id)
    pairs = (await session.execute(sa.select(Customer.customer_id, root).where(Customer.customer_id.in_(ids)))).all()
    wanted = sorted({pair[1] for pair in pairs})
    query = sa.select(Customer.customer_id).where(
        Customer.customer_id.in_(wanted), Customer.status != 3, customer_visible(principal)
    )
    seen = set(await session.scalars(query.order_by(Customer.customer_id).with_for_update(read=True)))
    return {pair[0]: pair[1] for pair in pairs if pair[1] in seen}


async def by_reference(
    session: AsyncSession, source: str, owner: uuid.UUID, keys: Sequence[str]
) -> dict[str, uuid.UUID]:
    """Returns the customers that a source knows by some keys."""
    c = SourceReference
    query = sa.select(c.source_key, c.customer_id).where(
        c.source == source, c.dealer_id == owner, c.source_key.in_(keys)
    )
    return {row.source_key: row.customer_id for row in await session.execute(query)}
