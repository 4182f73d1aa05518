"""SQL of leads: one under lock, pages, who else has the same wish.

A lead is seen by its present dealer, and by who sees that dealer's rows.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from servicekit.dealers import in_scope
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import Lead, LeadChange, LeadPromise
from marque_customer.rules.leads import CLOSED
from marque_customer.rules.questions import LeadFilter

_leads: sa.Table = Lead.__table__  # type: ignore[assignment]
_changes: sa.Table = LeadChange.__table__  # type: ignore[assignment]
_promises: sa.Table = LeadPromise.__table__  # type: ignore[assignment]
SEARCHED = 200


def visible_to(principal: Principal, column: sa.ColumnElement[Any] = _leads.c.dealer_id) -> sa.ColumnElement[bool]:
    """The rows that a caller may see (access.md: leads are the own dealer's only; the owner has no sight of them)."""
    if principal.is_owner:
        return sa.false()
    return sa.true() if principal.sees_all_rows else in_scope(principal, column)


async def customer_of(session: AsyncSession, principal: Principal, lead_id: uuid.UUID) -> uuid.UUID | None:
    """Returns whose lead one in sight is; its customer is locked before the lead is."""
    query = sa.select(_leads.c.customer_id).where(_leads.c.lead_id == lead_id, visible_to(principal))
    found: uuid.UUID | None = await session.scalar(query)
    return found


async def locked(session: AsyncSession, principal: Principal, lead_id: uuid.UUID) -> Lead | None:
    """Returns a lead in sight, to change; its customer's row must be locked before, so that nobody waits in a circle."""
    query = sa.select(Lead).where(Lead.lead_id == lead_id, visible_to(principal)).with_for_update()
    return (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()


async def read(session: AsyncSession, principal: Principal, lead_id: uuid.UUID) -> Any:
    """Returns the row of a lead in sight, or None."""
    query = sa.select(_leads).where(_leads.c.lead_id == lead_id, visible_to(principal))
    return (await session.execute(query)).one_or_none()


async def joined(session: AsyncSession, principal: Principal, group_id: uuid.UUID, lead_id: uuid.UUID) -> list[str]:
    """Returns the ids of the other leads for the same wish that the caller sees, oldest first, at most 50."""
    query = sa.select(_leads.c.lead_id).where(_leads.c.group_id == group_id, _leads.c.lead_id != lead_id)
    query = query.where(visible_to(principal)).order_by(_leads.c.create_time, _leads.c.lead_id).limit(50)
    return [str(found) for found in await session.scalars(query)]


async def open_of(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> list[Lead]:
    """Returns the open leads of people, to change, in the order of their ids; the customers' rows must be locked."""
    query = sa.select(Lead).where(Lead.customer_id.in_(customer_ids), Lead.stage.notin_(CLOSED))
    return list(await session.scalars(query.order_by(Lead.lead_id).with_for_update()))


async def page(
    session: AsyncSession,
    principal: Principal,
    wanted: LeadFilter,
    order_by: str,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of leads and one more."""
    c = _leads.c
    query = sa.select(_leads).where(visible_to(principal), *_conditions(wanted))
    column = c.next_due_time if order_by == "next_due_time" else c.create_time
    if order_by == "next_due_time":
        query = query.where(c.next_due_time.isnot(None))
    descending = order_by in ("", "create_time desc")
    key = sa.tuple_(column, c.lead_id)
    if after is not None:
        query = query.where(key < after if descending else key > after)
    order = (column.desc(), c.lead_id.desc()) if descending else (column, c.lead_id)
    return (await session.execute(query.order_by(*order).limit(page.size + 1))).all()


def _conditions(wanted: LeadFilter) -> list[sa.ColumnElement[bool]]:
    c = _leads.c
    found: list[sa.ColumnElement[bool]] = [c[name] == value for name, value in wanted.equal.items()]
    late = wanted.overdue_only or wanted.due_before is not None
    if wanted.family is not None:
        found.append(c.customer_id.in_(wanted.family))
    if wanted.open_only or late or wanted.never_contacted or wanted.never_by_manager:
        found.append(c.stage.notin_(CLOSED))
    if wanted.overdue_only:
        found.append(c.next_due_time < sa.func.now())
    if wanted.due_before is not None:
        found.append(c.next_due_time < wanted.due_before)
    if wanted.never_contacted:
        found.append(c.first_contact_time.is_(None))
    if wanted.never_by_manager:
        found.append(c.manager_contact_time.is_(None))
    if wanted.held_only:
        found.append(c.held_reason != "")
    return found


async def of_customers(
    session: AsyncSession, principal: Principal, customer_ids: Sequence[uuid.UUID], limit: int
) -> Sequence[Any]:
    """Returns the leads in sight of some people, newest first, and one more than `limit`."""
    query = sa.select(_leads).where(_leads.c.customer_id.in_(customer_ids), visible_to(principal))
    query = query.order_by(_leads.c.create_time.desc(), _leads.c.lead_id.desc()).limit(limit + 1)
    return (await session.execute(query)).all()


async def changes(
    session: AsyncSession,
    principal: Principal,
    lead_id: uuid.UUID,
    page: Page,
    descending: bool,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of a lead's history and one more: of the time at other dealers only what the caller sees of those."""
    c = _changes.c
    query = sa.select(_changes).where(c.lead_id == lead_id, visible_to(principal, c.dealer_id))
    if after is not None:
        query = query.where(c.sequence < after[0] if descending else c.sequence > after[0])
    query = query.order_by(c.sequence.desc() if descending else c.sequence).limit(page.size + 1)
    return (await session.execute(query)).all()


async def promises(session: AsyncSession, lead_id: uuid.UUID, limit: int) -> Sequence[Any]:
    """Returns the promises of a lead, oldest first."""
    query = sa.select(_promises).where(_promises.c.lead_id == lead_id)
    return (await session.execute(query.order_by(_promises.c.create_time, _promises.c.promise_id).limit(limit))).all()


async def open_promises(
    session: AsyncSession, principal: Principal, family: Sequence[uuid.UUID], limit: int
) -> Sequence[Any]:
    """Returns the open promises to a person on leads in sight, the soonest due first, those without a time last."""
    query = sa.select(_promises).join(_leads, _leads.c.lead_id == _promises.c.lead_id)
    query = query.where(
        _promises.c.customer_id.in_(family), _promises.c.state == LeadPromise.OPEN, visible_to(principal)
    )
    order = (_promises.c.due_time.asc().nulls_last(), _promises.c.create_time, _promises.c.promise_id)
    return (await session.execute(query.order_by(*order).limit(limit))).all()


async def promise_count(session: AsyncSession, lead_id: uuid.UUID) -> int:
    """Returns how many promises a lead has; the lead's row must be locked."""
    query = sa.select(sa.func.count()).select_from(_promises).where(_promises.c.lead_id == lead_id)
    return int(await session.scalar(query) or 0)


async def promise(session: AsyncSession, lead_id: uuid.UUID, promise_id: uuid.UUID) -> LeadPromise | None:
    """Returns a promise of a lead, to change."""
    query = sa.select(LeadPromise).where(LeadPromise.lead_id == lead_id, LeadPromise.promise_id == promise_id)
    return (await session.scalars(query.with_for_update())).one_or_none()


async def of_adviser(session: AsyncSession, staff_id: uuid.UUID, limit: int) -> list[Lead]:
    """Returns open leads of an adviser, to change, in the order of their ids."""
    query = sa.select(Lead).where(Lead.adviser_staff_id == staff_id, Lead.stage.notin_(CLOSED))
    return list(await session.scalars(query.order_by(Lead.lead_id).limit(limit).with_for_update()))
