"""SQL of visits to dealers and of what was promised there."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_network.models import DealerVisit, DealerVisitAction
from marque_network.repository.scoped import get, paged, read, visible_to

_visits: sa.Table = DealerVisit.__table__  # type: ignore[assignment]
_actions: sa.Table = DealerVisitAction.__table__  # type: ignore[assignment]


async def get_visit(session: AsyncSession, principal: Principal, visit_id: uuid.UUID) -> DealerVisit | None:
    """Returns a visit to change, locked."""
    return await get(session, principal, DealerVisit, _visits.c.visit_id == visit_id)


async def read_visit(session: AsyncSession, principal: Principal, visit_id: uuid.UUID) -> Any:
    """Returns a visit's row, or None."""
    return await read(session, principal, DealerVisit, _visits.c.visit_id == visit_id)


async def get_actions(session: AsyncSession, visit_id: uuid.UUID) -> list[DealerVisitAction]:
    """Returns the actions of a visit to change, by number; the caller holds the visit's lock."""
    query = sa.select(DealerVisitAction).where(_actions.c.visit_id == visit_id).order_by(_actions.c.number)
    return list((await session.scalars(query)).all())


async def read_actions(session: AsyncSession, visit_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Any]]:
    """Returns the rows of the actions of some visits, each by number."""
    found: dict[uuid.UUID, list[Any]] = {one: [] for one in visit_ids}
    query = sa.select(_actions).where(_actions.c.visit_id.in_(visit_ids))
    for row in await session.execute(query.order_by(_actions.c.visit_id, _actions.c.number)):
        found[row.visit_id].append(row)
    return found


async def list_visits(
    session: AsyncSession,
    principal: Principal,
    filters: dict[str, Any],
    order_by: str,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of visits and one more."""
    c = _visits.c
    given = dict(filters)
    query = sa.select(_visits).where(visible_to(principal, c.dealer_id))
    if (visitor := given.pop("visitor_staff_id", None)) is not None:
        query = query.where(c.visitor_staff_ids.contains([visitor]))
    if (begin := given.pop("planned_from_time", None)) is not None:
        query = query.where(c.planned_time >= begin)
    if (before := given.pop("planned_before_time", None)) is not None:
        query = query.where(c.planned_time < before)
    query = query.where(*(c[name] == value for name, value in given.items()))
    query = paged(query, (c.planned_time, c.visit_id), order_by != "planned_time", page, after)
    return (await session.execute(query)).all()


async def list_actions(
    session: AsyncSession,
    principal: Principal,
    filters: dict[str, Any],
    order_by: str,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of actions and one more."""
    c = _actions.c
    query = sa.select(_actions).where(visible_to(principal, c.dealer_id))
    query = query.where(*(c[name] == filters[name] for name in ("dealer_id", "owner_staff_id") if name in filters))
    if filters.get("open_only"):
        query = query.where(c.done_time.is_(None))
    if "due_before_date" in filters:
        query = query.where(c.due_date < filters["due_before_date"])
    query = paged(query, (c.due_date, c.visit_id, c.number), order_by.endswith("desc"), page, after)
    return (await session.execute(query)).all()
