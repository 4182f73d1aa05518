"""SQL of targets: versions per dealer, adviser, measure and period."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_network.models import Target
from marque_network.repository.scoped import paged, read, visible_to

_targets: sa.Table = Target.__table__  # type: ignore[assignment]
_c = _targets.c
Key = tuple[Any, ...]


async def versions(session: AsyncSession, keys: Collection[Key]) -> dict[Key, list[Target]]:
    """Returns all versions of some targets (`Target.key`), oldest first; the caller holds the dealers' locks."""
    found: dict[Key, list[Target]] = {key: [] for key in keys}
    # Advisers may be absent, and a list of rows never finds NULL: what is too much is left out below.
    query = sa.select(Target).where(
        _c.dealer_id.in_({key[0] for key in keys}),
        _c.measure.in_({key[2] for key in keys}),
        sa.tuple_(_c.year, _c.quarter, _c.month).in_({key[3:] for key in keys}),
    )
    for target in await session.scalars(query.order_by(_c.revision)):
        if target.key in found:
            found[target.key].append(target)
    return found


async def dealers_of(
    session: AsyncSession, principal: Principal, target_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, uuid.UUID]:
    """Returns the dealers of some targets in the caller's sight."""
    query = sa.select(_c.target_id, _c.dealer_id).where(
        _c.target_id.in_(target_ids), visible_to(principal, _c.dealer_id)
    )
    return {row.target_id: row.dealer_id for row in await session.execute(query)}


async def get_targets(session: AsyncSession, target_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Target]:
    """Returns some targets to change; the caller holds the dealers' locks."""
    rows = await session.scalars(sa.select(Target).where(_c.target_id.in_(target_ids)))
    return {target.target_id: target for target in rows}


async def read_target(session: AsyncSession, principal: Principal, target_id: uuid.UUID) -> Any:
    """Returns a target's row, or None."""
    return await read(session, principal, Target, _c.target_id == target_id)


async def list_targets(
    session: AsyncSession,
    principal: Principal,
    filters: dict[str, Any],
    order_by: str,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of versions and one more. A `staff_id` of None is for targets of dealers as a whole."""
    query = sa.select(_targets).where(visible_to(principal, _c.dealer_id))
    query = query.where(*(_c[name] == value for name, value in filters.items()))
    by_measure = order_by == "measure"
    columns = (_c.measure if by_measure else _c.update_time, _c.target_id)
    return (await session.execute(paged(query, columns, not by_measure, page, after))).all()
