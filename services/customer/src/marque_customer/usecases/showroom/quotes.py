"""Quotes: begun, revised, sent, and what became of them. Each verb one transaction; the person's row is locked first, then the lead's."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from marque.customer.v1 import interaction_pb2, quote_events_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_customer.errors import LeadNotFound
from marque_customer.errors.showroom import QuoteNotFound, QuotesFull
from marque_customer.mapping.interactions import staff_of
from marque_customer.models import Lead, Quote, Task
from marque_customer.repository import customers, tasks
from marque_customer.repository import quotes as repository
from marque_customer.rules import leads as lead_rules
from marque_customer.rules import quotes as rules
from marque_customer.usecases import interactions
from marque_customer.usecases.leads import common

EXPIRE = "quote-expire"
OTHER_ACCEPTED = "OTHER_ACCEPTED"
_HANDOUT, _OUTBOUND = interaction_pb2.INTERACTION_KIND_HANDOUT, interaction_pb2.INTERACTION_DIRECTION_OUTBOUND


async def create(*, uow: UnitOfWork, lead_id: uuid.UUID, offer: dict[str, Any], valid_until: datetime | None) -> Any:
    """Begins a quote. Raises LeadNotFound, LeadClosed, LeadWithoutDealer, QuotesFull, InvalidArgument."""
    async with uow:
        lead, _ = await common.found(uow, lead_id)
        lead.require_dealer()
        if await repository.count_of(uow.session, lead_id) >= rules.MOST_OF_LEAD:
            raise QuotesFull(most=rules.MOST_OF_LEAD)
        quote = Quote(
            lead_id=lead_id, customer_id=lead.customer_id, dealer_id=lead.dealer_id, number=1, state=rules.DRAFT
        )
        quote.offer(await _judged(uow, lead, offer, valid_until))
        uow.add(quote)
        await uow.flush()
        say(uow, quote, 0)
        uow.audit("create", "quote", str(quote.quote_id))
        return await uow.answer(quote)


async def revise(
    *, uow: UnitOfWork, quote_id: uuid.UUID, etag: str, offer: dict[str, Any], valid_until: datetime | None
) -> Any:
    """Makes the next version. Raises QuoteNotFound, QuoteStateWrong, LeadNotFound, LeadClosed, QuotesFull, EtagMismatch."""
    async with uow:
        quote, lead = await with_lead(uow, quote_id, etag)
        before, task_id = quote.state, quote.ask_task_id
        uow.add(quote.revise(await _judged(uow, lead, offer, valid_until), uow.now))
        await end_task(uow, task_id, Task.CANCELLED)
        return await changed(uow, quote, before, "revise")


async def _judged(uow: UnitOfWork, lead: Lead, offer: dict[str, Any], valid_until: datetime | None) -> dict[str, Any]:
    """Returns the columns of an offer with the limit of who makes it. Raises InvalidArgument for a time that is none."""
    until = valid_until or uow.now + rules.VALID_FOR
    if not uow.now < until <= uow.now + rules.VALID_AT_MOST:
        raise InvalidArgument.of("valid_until_time", "TIME_INVALID", "Give a moment to come, within a year.")
    latest = await repository.latest_rules(uow.session)
    limit = rules.allowed(latest.rules.get("limits", []), uow.principal.roles)
    return {
        **offer,
        "adviser_staff_id": staff_of(uow.principal),
        "valid_until_time": until,
        "car_key": lead.wish_key,
        "rules_version": latest.version,
        "allowed_basis_points": limit,
        "needs_approval": offer["discount_basis_points"] > limit,
    }


async def send(*, uow: UnitOfWork, quote_id: uuid.UUID, etag: str) -> Any:
    """Says that the person has it. Raises QuoteNotFound, QuoteStateWrong, QuoteNotApproved, QuoteExpired, LeadNotFound, LeadClosed."""
    async with uow:
        quote, lead = await with_lead(uow, quote_id, etag)
        before = quote.state
        quote.send(uow.now)
        await uow.schedule(EXPIRE, str(quote_id), quote.valid_until_time)
        common.write_down(uow, lead, "QUOTE_SENT")
        if lead.stage in (lead_rules.CONTACTED, lead_rules.QUALIFIED, lead_rules.TEST_DRIVE):
            await _move_lead(uow, lead, lead_rules.QUOTED, "QUOTE_SENT")
        await interactions.write(uow, quote.customer_id, _handed_over(uow, quote))
        return await changed(uow, quote, before, "send")


def _handed_over(uow: UnitOfWork, quote: Quote) -> dict[str, Any]:
    return {
        "kind": _HANDOUT,
        "direction": _OUTBOUND,
        "occur_time": uow.now,
        "staff_id": staff_of(uow.principal),
        "dealer_id": quote.dealer_id,
        "vin": "",
        "reference_type": "customer.quote",
        "reference_id": str(quote.quote_id),
        "content_key": f"quote:{quote.quote_id}:{quote.number}",
    }


async def accept(*, uow: UnitOfWork, quote_id: uuid.UUID, etag: str) -> Any:
    """Says that the person took it. Raises QuoteNotFound, QuoteStateWrong, QuoteExpired, LeadNotFound, LeadClosed, EtagMismatch."""
    async with uow:
        quote, lead = await with_lead(uow, quote_id, etag)
        before = quote.state
        quote.accept(uow.now)
        await _move_lead(uow, lead, lead_rules.ORDERED, "QUOTE_ACCEPTED")
        for other in await repository.open_of(uow.session, lead.lead_id):
            if other is not quote:
                was, task_id = other.state, other.ask_task_id
                other.withdraw(OTHER_ACCEPTED, uow.now)
                await end_task(uow, task_id, Task.CANCELLED)
                await uow.flush()
                say(uow, other, was)
        return await changed(uow, quote, before, "accept")


async def _move_lead(uow: UnitOfWork, lead: Lead, stage: int, why: str) -> None:
    before = lead.stage
    if stage == lead_rules.ORDERED:
        lead.order()
        await tasks.end_answers(uow.session, lead.lead_id, Task.DONE, uow.now)
    else:
        lead.advance(stage)
    common.write_down(uow, lead, "STAGE_CHANGED", why, before=before)
    await uow.flush()
    common.say_stage(uow, lead, before)


async def decline(*, uow: UnitOfWork, quote_id: uuid.UUID, etag: str, reason: str) -> Any:
    """Says that the person did not take it. Raises QuoteNotFound, QuoteStateWrong, EtagMismatch."""
    async with uow:
        quote = await found(uow, quote_id, etag)
        before = quote.state
        quote.decline(reason, uow.now)
        return await changed(uow, quote, before, "decline")


async def withdraw(*, uow: UnitOfWork, quote_id: uuid.UUID, etag: str, reason: str) -> Any:
    """Takes it back. Raises QuoteNotFound, QuoteStateWrong, EtagMismatch."""
    async with uow:
        quote = await found(uow, quote_id, etag)
        before, task_id = quote.state, quote.ask_task_id
        quote.withdraw(reason, uow.now)
        await end_task(uow, task_id, Task.CANCELLED)
        return await changed(uow, quote, before, "withdraw")


async def expire(uow: UnitOfWork, key: str) -> datetime | None:
    """Ends a quote whose time is over, once; one that was revised is looked at when its new time comes."""
    try:
        quote = await found(uow, uuid.UUID(key))
    except QuoteNotFound:  # erased meanwhile
        return None
    if quote.state != rules.SENT:
        return None
    if quote.valid_until_time > uow.now:
        return quote.valid_until_time
    quote.expire(uow.now)
    await uow.flush()
    say(uow, quote, rules.SENT)
    uow.audit("expire", "quote", key, ("state",))
    return None


async def found(uow: UnitOfWork, quote_id: uuid.UUID, etag: str = "") -> Quote:
    """Returns a quote in sight under lock, its person before it. Raises QuoteNotFound, EtagMismatch."""
    row = await repository.read(uow.session, uow.principal, quote_id)
    if row is None:
        raise QuoteNotFound(quote_id=quote_id)
    await customers.locked(uow.session, [row.customer_id])
    quote = await repository.locked(uow.session, uow.principal, quote_id)
    if quote is None:
        raise QuoteNotFound(quote_id=quote_id)
    quote.check_etag(etag)
    return quote


async def with_lead(uow: UnitOfWork, quote_id: uuid.UUID, etag: str) -> tuple[Quote, Lead]:
    """Returns a quote and its lead, which is still with the quote's dealer and open. Raises QuoteNotFound, LeadNotFound, LeadClosed."""
    row = await repository.read(uow.session, uow.principal, quote_id)
    if row is None:
        raise QuoteNotFound(quote_id=quote_id)
    lead, _ = await common.found(uow, row.lead_id)
    quote = await found(uow, quote_id, etag)
    lead.require_dealer()
    if lead.dealer_id != quote.dealer_id:
        raise LeadNotFound(lead_id=lead.lead_id)
    return quote, lead


async def end_task(uow: UnitOfWork, task_id: uuid.UUID | None, state: int) -> None:
    """Ends the task that a request for a discount made, where nobody did."""
    if task_id is not None:
        await tasks.end_one(uow.session, task_id, state, uow.now)


async def changed(uow: UnitOfWork, quote: Quote, before: int, action: str) -> Any:
    """Ends a verb: event, audit, answer."""
    await uow.flush()
    say(uow, quote, before)
    uow.audit(action, "quote", str(quote.quote_id), ("state",))
    return await uow.answer(quote)


def say(uow: UnitOfWork, quote: Quote, before: int) -> None:
    """Says in which state and version a quote is."""
    event = quote_events_pb2.QuoteStateChanged(
        quote_id=str(quote.quote_id),
        lead_id=str(quote.lead_id),
        customer_id=str(quote.customer_id),
        dealer_id=str(quote.dealer_id),
        number=quote.number,
    )
    event.from_state, event.state = before, quote.state  # type: ignore[assignment]
    uow.emit(event, of=quote)
