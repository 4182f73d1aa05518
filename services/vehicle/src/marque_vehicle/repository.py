"""All SQL of the vehicle service."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import Sale


def visible_to(principal: Principal) -> sa.ColumnElement[bool]:
    """The sales that a caller may see: all for the maker, a dealer's own, an owner's own (access.md)."""
    if principal.sees_all_rows:
        return sa.true()
    if principal.is_dealer:
        return Sale.dealer_id.in_([uuid.UUID(dealer) for dealer in principal.dealers])
    if principal.is_owner and principal.customer_id:
        return Sale.buyer_customer_id == uuid.UUID(principal.customer_id)
    return sa.false()


async def get_sale(
    session: AsyncSession, principal: Principal, sale_id: uuid.UUID, *, lock: bool = False
) -> Sale | None:
    """Returns a sale in the caller's sight."""
    query = sa.select(Sale).where(Sale.sale_id == sale_id, visible_to(principal))
    return (await session.scalars(query.with_for_update() if lock else query)).one_or_none()


async def list_sales(
    session: AsyncSession, principal: Principal, filters: dict[str, Any], page: Page, after: tuple[Any, ...] | None
) -> Sequence[Sale]:
    """Returns a page of sales and one more, newest invoice first."""
    query = sa.select(Sale).where(
        visible_to(principal), *(getattr(Sale, name) == value for name, value in filters.items())
    )
    if after is not None:
        query = query.where(sa.tuple_(Sale.invoice_date, Sale.sale_id) < after)
    query = query.order_by(Sale.invoice_date.desc(), Sale.sale_id.desc()).limit(page.size + 1)
    return (await session.scalars(query)).all()
