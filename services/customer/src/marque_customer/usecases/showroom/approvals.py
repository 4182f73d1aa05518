"""Discounts above a role's limit: asked for, decided by somebody whose limit covers them, and what an adviser should know before.

A person's own limit stands in their record of staff at network, which is asked outside every transaction, and only where the limit of
the role is not enough.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from marque.customer.v1 import task_pb2
from servicekit.db.base import etag_of
from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import EtagMismatch, Unavailable
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.clients import Network
from marque_customer.errors import LeadNotFound, LeadWithoutDealer
from marque_customer.errors.showroom import ApprovalLimitExceeded, QuoteNotFound
from marque_customer.mapping.interactions import staff_of
from marque_customer.models import QuoteRulesVersion, Task
from marque_customer.repository import families
from marque_customer.repository import leads as lead_rows
from marque_customer.repository import quotes as repository
from marque_customer.rules import quotes as rules
from marque_customer.usecases.showroom import quotes

_DECIDE_WITHIN = timedelta(days=1)
_YEAR = timedelta(days=365)


class Advice(NamedTuple):
    """What an adviser should know before making a quote."""

    past: Any
    like_cars: Any
    allowed: int
    rules_version: int


async def personal_limit(
    *, work: Work, network: Network | None, principal: Principal, quote_id: uuid.UUID, must_know: bool
) -> int | None:
    """Returns how much discount a caller may allow by their own record, in minor units of the quote's currency; None for nothing.

    Network is not asked where the limit of the role is enough. Raises QuoteNotFound; Unavailable where it `must_know` and network is away.
    """
    async with work.read() as session:
        row = await repository.read(session, principal, quote_id)
        if row is None:
            raise QuoteNotFound(quote_id=quote_id)
        latest = await repository.latest_rules(session)
    allowed = rules.allowed(latest.rules.get("limits", []), principal.roles)
    staff_id = staff_of(principal)
    if row.discount_basis_points <= allowed or network is None or staff_id is None:
        return None
    try:
        return await network.discount_limit(staff_id, row.currency)
    except Unavailable:
        if must_know:
            raise
        return None


async def ask(*, uow: UnitOfWork, quote_id: uuid.UUID, etag: str, reason: str, own: int | None) -> Any:
    """Asks for a discount. Raises QuoteNotFound, QuoteStateWrong, EtagMismatch."""
    async with uow:
        quote = await quotes.found(uow, quote_id, etag)
        before = quote.state
        quote.ask(uow.principal.subject, staff_of(uow.principal), reason, uow.now)
        if own is not None and quote.discount_minor <= own:
            quote.allow_oneself(uow.now)
        else:
            task = Task(
                kind=task_pb2.TASK_KIND_DECIDE_DISCOUNT,
                title="Decide on the discount of a quote",
                customer_id=quote.customer_id,
                lead_id=quote.lead_id,
                dealer_id=quote.dealer_id,
                due_time=uow.now + _DECIDE_WITHIN,
                create_time=uow.now,
            )
            uow.add(task)
            await uow.flush()
            quote.ask_task_id = task.task_id
        return await quotes.changed(uow, quote, before, "request_approval")


async def decide(
    *, uow: UnitOfWork, quote_id: uuid.UUID, etag: str, approved: bool, reason: str, own: int | None
) -> Any:
    """Decides on a discount. Raises QuoteNotFound, QuoteStateWrong, ApprovalNotYours, ApprovalLimitExceeded, EtagMismatch."""
    async with uow:
        quote = await quotes.found(uow, quote_id, etag)
        before, task_id = quote.state, quote.ask_task_id
        quote.decide(approved, uow.principal.subject, staff_of(uow.principal), reason, uow.now)
        if approved:
            latest = await repository.latest_rules(uow.session)
            limit = rules.allowed(latest.rules.get("limits", []), uow.principal.roles)
            if not rules.covers(quote.discount_basis_points, quote.discount_minor, limit, own):
                raise ApprovalLimitExceeded()
        await quotes.end_task(uow, task_id, Task.DONE)
        return await quotes.changed(uow, quote, before, "approve" if approved else "refuse")


async def advise(*, session: AsyncSession, principal: Principal, lead_id: uuid.UUID, now: datetime) -> Advice:
    """Returns what to know before making a quote. Raises LeadNotFound, LeadWithoutDealer."""
    lead = await lead_rows.read(session, principal, lead_id)
    if lead is None:
        raise LeadNotFound(lead_id=lead_id)
    if lead.dealer_id is None:
        raise LeadWithoutDealer(lead_id=lead_id)
    latest = await repository.latest_rules(session)
    return Advice(
        past=await repository.past(session, lead.dealer_id, await families.whole(session, [lead.customer_id])),
        like_cars=await repository.experience(session, lead.dealer_id, lead.wish_key, now - _YEAR),
        allowed=rules.allowed(latest.rules.get("limits", []), principal.roles),
        rules_version=latest.version,
    )


async def put_rules(*, uow: UnitOfWork, values: dict[str, Any], etag: str) -> Any:
    """Writes a new version of the limits; the same again make none. Raises EtagMismatch."""
    async with uow:
        await repository.lock_rules(uow.session)
        latest = await repository.latest_rules(uow.session)
        if etag and etag.strip('"') != etag_of(latest.version):
            raise EtagMismatch()
        if latest.rules == values:
            return await uow.answer(latest)
        row = QuoteRulesVersion(
            version=latest.version + 1, rules=values, create_time=uow.now, principal=uow.principal.subject
        )
        uow.add(row)
        uow.audit("put", "quote_rules", str(row.version))
        return await uow.answer(row)
