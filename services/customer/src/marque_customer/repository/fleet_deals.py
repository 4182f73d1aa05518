"""SQL of fleet deals. A dealer sees a deal by its own parts, and of it these alone."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import FleetDeal, FleetDealPart
from marque_customer.repository.leads import visible_to as scoped

_deals: sa.Table = FleetDeal.__table__  # type: ignore[assignment]
_parts: sa.Table = FleetDealPart.__table__  # type: ignore[assignment]


def parts_visible_to(principal: Principal) -> sa.ColumnElement[bool]:
    """The parts that a caller may see."""
    return scoped(principal, _parts.c.dealer_id)


def visible_to(principal: Principal) -> sa.ColumnElement[bool]:
    """The deals of which a caller may see a part."""
    mine = sa.select(_parts.c.fleet_deal_id).where(
        _parts.c.fleet_deal_id == _deals.c.fleet_deal_id, parts_visible_to(principal)
    )
    return mine.exists()


async def read(session: AsyncSession, principal: Principal, fleet_deal_id: uuid.UUID) -> Any:
    """Returns the row of a deal in sight, or None."""
    query = sa.select(_deals).where(_deals.c.fleet_deal_id == fleet_deal_id, visible_to(principal))
    return (await session.execute(query)).one_or_none()


async def locked(session: AsyncSession, principal: Principal, fleet_deal_id: uuid.UUID) -> FleetDeal | None:
    """Returns a deal in sight under lock, by which its parts are; the organisation's row must be locked before."""
    query = sa.select(FleetDeal).where(FleetDeal.fleet_deal_id == fleet_deal_id, visible_to(principal))
    return (await session.scalars(query.with_for_update())).one_or_none()


async def part(
    session: AsyncSession, principal: Principal, fleet_deal_id: uuid.UUID, part_id: uuid.UUID
) -> FleetDealPart | None:
    """Returns a part in sight, to change; its deal must be locked."""
    query = sa.select(FleetDealPart).where(
        FleetDealPart.fleet_deal_id == fleet_deal_id,
        FleetDealPart.fleet_deal_part_id == part_id,
        parts_visible_to(principal),
    )
    return (await session.scalars(query.with_for_update())).one_or_none()


async def part_count(session: AsyncSession, fleet_deal_id: uuid.UUID) -> int:
    """Returns how many parts a deal has; it must be locked."""
    query = sa.select(sa.func.count()).select_from(_parts).where(_parts.c.fleet_deal_id == fleet_deal_id)
    return int(await session.scalar(query) or 0)


async def parts_of(
    session: AsyncSession, principal: Principal, deals: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[Any]]:
    """Returns the parts of deals that a caller may see, oldest first."""
    found: dict[uuid.UUID, list[Any]] = {deal: [] for deal in deals}
    c = _parts.c
    query = sa.select(_parts).where(c.fleet_deal_id.in_(deals), parts_visible_to(principal))
    for row in await session.execute(query.order_by(c.create_time, c.fleet_deal_part_id)):
        found[row.fleet_deal_id].append(row)
    return found


async def page(
    session: AsyncSession,
    principal: Principal,
    dealer_id: uuid.UUID | None,
    family: Sequence[uuid.UUID] | None,
    descending: bool,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of deals and one more; a dealer's is read from its own parts."""
    if principal.sees_all_rows and dealer_id is None:
        query = sa.select(_deals)
        key = (_deals.c.create_time, _deals.c.fleet_deal_id)
    else:
        query, key = _by_parts(principal, dealer_id)
    if family is not None:
        query = query.where(_deals.c.customer_id.in_(family))
    if after is not None:
        tuple_ = sa.tuple_(*key)
        query = query.where(tuple_ < after if descending else tuple_ > after)
    order = [column.desc() if descending else column for column in key]
    return (await session.execute(query.order_by(*order).limit(page.size + 1))).all()


def _by_parts(principal: Principal, dealer_id: uuid.UUID | None) -> tuple[sa.Select[Any], tuple[Any, Any]]:
    c = _parts.c
    mine = sa.select(c.deal_create_time, c.fleet_deal_id).where(parts_visible_to(principal)).distinct()
    if dealer_id is not None:
        mine = mine.where(c.dealer_id == dealer_id)
    seen = mine.subquery()
    query = sa.select(_deals).join(seen, seen.c.fleet_deal_id == _deals.c.fleet_deal_id)
    return query, (seen.c.deal_create_time, seen.c.fleet_deal_id)
