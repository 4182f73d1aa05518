"""SQL of hand-overs."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.dealers import in_scope
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_network.models import Assignment, HandOver, HandOverItem, HandOverStep, Staff

_h: sa.Table = HandOver.__table__  # type: ignore[assignment]
_s: sa.Table = HandOverStep.__table__  # type: ignore[assignment]
_i: sa.Table = HandOverItem.__table__  # type: ignore[assignment]
_staff: sa.Table = Staff.__table__  # type: ignore[assignment]


def visible_to(principal: Principal) -> sa.ColumnElement[bool]:
    """The hand-overs that a caller may see, as staff (access.md)."""
    return sa.true() if principal.sees_all_rows else in_scope(principal, _h.c.dealer_id)


async def read(session: AsyncSession, principal: Principal, hand_over_id: uuid.UUID) -> Any:
    """Returns the row of a hand-over in the caller's sight, or None."""
    query = sa.select(_h).where(_h.c.hand_over_id == hand_over_id, visible_to(principal))
    return (await session.execute(query)).one_or_none()


async def steps(session: AsyncSession, hand_over_id: uuid.UUID) -> Sequence[Any]:
    """Returns how far the services are, by name."""
    return (await session.execute(sa.select(_s).where(_s.c.hand_over_id == hand_over_id).order_by(_s.c.service))).all()


async def items(
    session: AsyncSession, hand_over_id: uuid.UUID, page: Page, after: tuple[Any, ...] | None
) -> Sequence[Any]:
    """Returns a page of the report, and one more, by service and position."""
    key = sa.tuple_(_i.c.service, _i.c.position)
    query = sa.select(_i).where(_i.c.hand_over_id == hand_over_id)
    if after is not None:
        query = query.where(key > after)
    return (await session.execute(query.order_by(_i.c.service, _i.c.position).limit(page.size + 1))).all()


async def next_step(session: AsyncSession, now: datetime) -> Any:
    """Returns a step that is to be done now, with its hand-over; None where there is none."""
    query = (
        sa.select(_s, _h.c.staff_id, _h.c.successors, _h.c.create_time)
        .join(_h, _h.c.hand_over_id == _s.c.hand_over_id)
        .where(_s.c.end_time.is_(None), _s.c.try_time <= now)
        .order_by(_s.c.try_time)
        .limit(1)
    )
    return (await session.execute(query)).one_or_none()


async def lock_step(session: AsyncSession, hand_over_id: uuid.UUID, service: str) -> HandOverStep:
    """Returns a step, locked."""
    query = sa.select(HandOverStep).where(HandOverStep.hand_over_id == hand_over_id, HandOverStep.service == service)
    return (await session.scalars(query.with_for_update())).one()


async def keep_items(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Writes rows of the report; one that is there stays."""
    if rows:
        await session.execute(insert(_i).values(list(rows)).on_conflict_do_nothing())


async def end_if_done(session: AsyncSession, hand_over_id: uuid.UUID, now: datetime) -> None:
    """Ends a hand-over whose last step has ended."""
    open_ones = sa.exists().where(_s.c.hand_over_id == hand_over_id, _s.c.end_time.is_(None))
    change = sa.update(_h).where(_h.c.hand_over_id == hand_over_id, _h.c.end_time.is_(None), ~open_ones)
    await session.execute(change.values(end_time=now))


async def colleagues(session: AsyncSession, staff: Staff, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Returns those of some people who work at the employer of somebody."""
    query = sa.select(_staff.c.staff_id).where(
        _staff.c.staff_id.in_(ids),
        _staff.c.staff_id != staff.staff_id,
        _staff.c.dealer_id.is_not_distinct_from(staff.dealer_id),
        _staff.c.status.in_((Staff.ACTIVE, Staff.ON_LEAVE)),
    )
    return set(await session.scalars(query))


async def heir(session: AsyncSession, staff: Any) -> uuid.UUID | None:
    """Returns to whom it goes where nobody is named: who led them, else a manager of their dealer; None for nobody."""
    at_work = (_staff.c.status == Staff.ACTIVE, _staff.c.staff_id != staff.staff_id)
    led_by = _staff.c.staff_id == staff.manager_staff_id
    manages = sa.and_(
        sa.literal(staff.dealer_id is not None),
        _staff.c.dealer_id == staff.dealer_id,
        _staff.c.roles.contains(["dealer.manager"]),
    )
    query = sa.select(_staff.c.staff_id).where(*at_work, sa.or_(led_by, manages))
    found: uuid.UUID | None = await session.scalar(query.order_by(led_by.desc(), _staff.c.staff_id).limit(1))
    return found


async def lock_assignments_of(session: AsyncSession, staff_id: uuid.UUID, limit: int) -> Sequence[Assignment]:
    """Returns open assignments of somebody for change, in one order."""
    query = sa.select(Assignment).where(Assignment.staff_id == staff_id, Assignment.state == Assignment.ASSIGNED)
    return (await session.scalars(query.order_by(Assignment.assignment_id).limit(limit).with_for_update())).all()


async def lock_led_by(session: AsyncSession, staff_id: uuid.UUID, limit: int) -> Sequence[Staff]:
    """Returns people whom somebody leads, who have not left, for change, in one order."""
    query = sa.select(Staff).where(Staff.manager_staff_id == staff_id, Staff.status != Staff.LEFT)
    return (await session.scalars(query.order_by(Staff.staff_id).limit(limit).with_for_update(key_share=True))).all()
