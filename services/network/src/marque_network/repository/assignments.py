"""SQL of assignments, presence and load."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.dealers import in_scope
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_network.models import Assignment, Staff, StaffLoad, StaffPresence

_a: sa.Table = Assignment.__table__  # type: ignore[assignment]
_staff: sa.Table = Staff.__table__  # type: ignore[assignment]
_p: sa.Table = StaffPresence.__table__  # type: ignore[assignment]
_l: sa.Table = StaffLoad.__table__  # type: ignore[assignment]
PEOPLE = 500  # at one dealer, or at the maker with the roles that are needed


def visible_to(principal: Principal) -> sa.ColumnElement[bool]:
    """The assignments that a caller may see, as staff (access.md)."""
    return sa.true() if principal.sees_all_rows else in_scope(principal, _a.c.dealer_id)


async def lock_pool(session: AsyncSession, dealer_id: uuid.UUID | None) -> None:
    """Lets assignments among the same people wait for each other, so that each sees what the one before gave."""
    key = f"assign:{dealer_id or 'maker'}"
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(key, 0))))


async def of_item(session: AsyncSession, item_type: str, item_id: str) -> Assignment | None:
    """Returns the assignment of a piece of work that has not ended, locked."""
    query = sa.select(Assignment).where(
        Assignment.item_type == item_type, Assignment.item_id == item_id, Assignment.state != Assignment.ENDED
    )
    return (await session.scalars(query.with_for_update())).one_or_none()


async def lock(session: AsyncSession, assignment_id: uuid.UUID, principal: Principal) -> Assignment | None:
    """Returns an assignment in the caller's sight, locked."""
    query = sa.select(Assignment).where(Assignment.assignment_id == assignment_id, visible_to(principal))
    return (await session.scalars(query.with_for_update())).one_or_none()


async def read(session: AsyncSession, principal: Principal, assignment_id: uuid.UUID) -> Any:
    """Returns the row of an assignment in the caller's sight, or None."""
    query = sa.select(_a).where(_a.c.assignment_id == assignment_id, visible_to(principal))
    return (await session.execute(query)).one_or_none()


async def list_assignments(
    session: AsyncSession,
    principal: Principal,
    filters: dict[str, Any],
    descending: bool,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of assignments and one more, by their creation."""
    columns = (_a.c.create_time, _a.c.assignment_id)
    query = sa.select(_a).where(visible_to(principal), *(_a.c[name] == value for name, value in filters.items()))
    if after is not None:
        key = sa.tuple_(*columns)
        query = query.where(key < after if descending else key > after)
    ordered = query.order_by(*(column.desc() if descending else column for column in columns))
    return (await session.execute(ordered.limit(page.size + 1))).all()


async def people(
    session: AsyncSession, dealer_id: uuid.UUID | None, roles: Sequence[str], now: datetime, since: datetime
) -> Sequence[Any]:
    """Returns who could be asked at a dealer, or at the maker, each with presence, open items, and what they were given since a moment.

    Open are the items last counted by each service, and those given here after that count.
    """
    at = _staff.c.dealer_id == dealer_id if dealer_id else _staff.c.dealer_id.is_(None)
    mine = _a.c.staff_id == _staff.c.staff_id
    counted = sa.select(sa.func.coalesce(sa.func.sum(_l.c.open_items), 0)).where(_l.c.staff_id == _staff.c.staff_id)
    last_count = sa.select(_l.c.count_time).where(
        _l.c.staff_id == _staff.c.staff_id, _l.c.service == sa.func.split_part(_a.c.item_type, ".", 1)
    )
    fresh = _a.c.assign_time > sa.func.coalesce(last_count.scalar_subquery(), sa.text("'-infinity'::timestamptz"))
    uncounted = sa.select(sa.func.count()).where(mine, _a.c.state == Assignment.ASSIGNED, fresh)
    given = sa.select(sa.func.count()).where(mine, _a.c.assign_time > since)
    last = sa.select(sa.func.max(_a.c.assign_time)).where(mine)
    said = sa.case((_p.c.expire_time > now, _p.c.state), else_=0)
    query = (
        sa.select(
            _staff,
            sa.func.coalesce(said, 0).label("presence"),
            (counted.scalar_subquery() + uncounted.scalar_subquery()).label("open_items"),
            given.scalar_subquery().label("given"),
            last.scalar_subquery().label("last_given"),
        )
        .outerjoin(_p, _p.c.staff_id == _staff.c.staff_id)
        .where(at, _staff.c.status == Staff.ACTIVE)
        .order_by(_staff.c.staff_id)
        .limit(PEOPLE)
    )
    if roles:
        query = query.where(_staff.c.roles.overlap(list(roles)))
    return (await session.execute(query)).all()


async def find_presence(session: AsyncSession, staff_id: uuid.UUID) -> StaffPresence | None:
    """Returns what somebody last said, locked."""
    query = sa.select(StaffPresence).where(StaffPresence.staff_id == staff_id)
    return (await session.scalars(query.with_for_update())).one_or_none()


async def list_presences(
    session: AsyncSession, dealer_id: uuid.UUID | None, now: datetime, page: Page, after: tuple[Any, ...] | None
) -> Sequence[Any]:
    """Returns a page of what holds now, and one more, by the people's ids."""
    at = _p.c.dealer_id == dealer_id if dealer_id else _p.c.dealer_id.is_(None)
    query = sa.select(_p).where(at, _p.c.expire_time > now)
    if after is not None:
        query = query.where(_p.c.staff_id > after[0])
    return (await session.execute(query.order_by(_p.c.staff_id).limit(page.size + 1))).all()


async def keep_loads(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Keeps counts; an older one than what is kept changes nothing."""
    if not rows:
        return
    row = insert(_l).values(list(rows))
    values = {"open_items": row.excluded.open_items, "count_time": row.excluded.count_time}
    newer = _l.c.count_time < row.excluded.count_time
    await session.execute(row.on_conflict_do_update(index_elements=["staff_id", "service"], set_=values, where=newer))


async def waiting_count(session: AsyncSession) -> int:
    """Returns how much work waits in all queues."""
    query = sa.select(sa.func.count()).select_from(_a).where(_a.c.state == Assignment.WAITING)
    return int(await session.scalar(query) or 0)
