"""What speaks for doing something next: counted as far as the caller sees it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from marque.customer.v1 import consent_pb2
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import (
    ConsentEntry,
    Customer,
    Holding,
    Lead,
    LeadPromise,
    LifecycleRulesVersion,
    Task,
)
from marque_customer.repository.leads import visible_to
from marque_customer.rules.consents import GRANTED
from marque_customer.rules.leads import CLOSED

_OPEN = 1  # of promises, tasks and holdings alike


async def standing(session: AsyncSession, customer_id: uuid.UUID) -> Any:
    """Returns `customer_id, stage, tier` of a customer."""
    query = sa.select(Customer.customer_id, Customer.stage, Customer.tier).where(Customer.customer_id == customer_id)
    return (await session.execute(query)).one()


async def of(
    session: AsyncSession, principal: Principal, family: Sequence[uuid.UUID], *, promises: datetime, renewals: date
) -> dict[str, float]:
    """Returns the signals of a customer and those merged into it: promises due before a moment, renewals before a day, and more."""

    def count(model: Any, *conditions: sa.ColumnElement[bool]) -> Any:
        query = sa.select(sa.func.count()).select_from(model).where(model.customer_id.in_(family), *conditions)
        return query.scalar_subquery()

    mine = lambda model: visible_to(principal, model.dealer_id)  # noqa: E731
    promised = (
        sa.select(sa.func.count())
        .select_from(LeadPromise)
        .join(Lead, Lead.lead_id == LeadPromise.lead_id)
        .where(
            LeadPromise.customer_id.in_(family),
            LeadPromise.state == _OPEN,
            LeadPromise.due_time < promises,
            visible_to(principal, Lead.dealer_id),
        )
    ).scalar_subquery()
    found = await session.execute(
        sa.select(
            promised.label("promises_due"),
            count(Task, Task.state == _OPEN, Task.due_time < sa.func.now(), mine(Task)).label("tasks_overdue"),
            count(Lead, Lead.stage.notin_(CLOSED), mine(Lead)).label("leads_open"),
            count(Holding, Holding.state == _OPEN, Holding.renewal_date < renewals, mine(Holding)).label(
                "renewals_due"
            ),
            _unconsented(family).label("marketing_consent_missing"),
        )
    )
    return {name: float(value) for name, value in found.one()._mapping.items()}


def _unconsented(family: Sequence[uuid.UUID]) -> Any:
    """1 where nobody of the family ever granted, or all withdrew since, what marketing needs; the exact answer is the permit's."""
    entry = ConsentEntry.__table__
    latest = (
        sa.select(entry.c.action)
        .distinct(entry.c.customer_id, entry.c.channel, entry.c.controller_kind, entry.c.controller_id)
        .where(entry.c.customer_id.in_(family), entry.c.purpose == consent_pb2.CONSENT_PURPOSE_MARKETING)
        .order_by(
            entry.c.customer_id,
            entry.c.channel,
            entry.c.controller_kind,
            entry.c.controller_id,
            entry.c.sequence.desc(),
        )
    ).subquery()
    granted = sa.exists().where(latest.c.action == GRANTED)
    return sa.case((granted, 0), else_=1)


async def rules_in_force(session: AsyncSession, moment: datetime) -> Any:
    """Returns the version of the rules that holds at a moment."""
    rules = LifecycleRulesVersion.__table__
    query = sa.select(rules).where(rules.c.effective_time <= moment).order_by(rules.c.version.desc()).limit(1)
    return (await session.execute(query)).one()
