"""What people do with a lead: each verb one transaction, with history, events and audit."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from marque.customer.v1 import interaction_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument
from servicekit.ids import new_uuid

from marque_customer.mapping.interactions import staff_of
from marque_customer.models import Interaction, Lead, Task
from marque_customer.repository import customers, lead_work, tasks
from marque_customer.rules import figures, grading
from marque_customer.rules import leads as rules
from marque_customer.usecases.leads import common, referring

_RECALL_IN = timedelta(days=7)
_CALL, _OUTBOUND = interaction_pb2.INTERACTION_KIND_CALL, interaction_pb2.INTERACTION_DIRECTION_OUTBOUND


async def update(*, uow: UnitOfWork, lead_id: uuid.UUID, etag: str, values: dict[str, Any]) -> Any:
    """Changes what is known of the wish, and grades it anew. Raises LeadNotFound, LeadClosed, EtagMismatch, LeadTaken."""
    async with uow:
        lead, customer = await common.found(uow, lead_id, etag)
        lead.require_open()
        changed = [name for name, value in values.items() if getattr(lead, name) != value]
        for name in changed:
            setattr(lead, name, values[name])
        if changed:
            lead.wish_key = rules.wish_key(lead.interest)
            await common.grade(uow, lead, customer, await customers.parts_of(uow.session, customer.customer_id))
            common.write_down(uow, lead, "UPDATED", ", ".join(changed))
            if lead.stage in rules.WAITING and "place" in changed:
                lead.seek_dealer(uow.now)
            uow.audit("update", "lead", str(lead_id), tuple(changed))
        return await uow.answer(lead)


async def assign(
    *,
    uow: UnitOfWork,
    lead_id: uuid.UUID,
    etag: str,
    dealer_id: uuid.UUID | None,
    adviser: uuid.UUID | None,
    reason: str,
) -> Any:
    """Gives a lead to a dealer and an adviser. Raises LeadNotFound, LeadClosed, LeadTaken, EtagMismatch, InvalidArgument."""
    async with uow:
        lead, customer = await common.found(uow, lead_id, etag)
        lead.require_open()
        target = dealer_id or lead.dealer_id
        if target is None:
            raise InvalidArgument.of("dealer_id", "DEALER_UNKNOWN", "Name the dealer: nobody has this lead yet.")
        await _check_target(uow, target, adviser)
        if target != lead.dealer_id:
            await common.place(uow, lead, customer, target, adviser, [{"code": "ASSIGNED_BY_HAND"}], reason)
            if adviser is None:
                lead.seek_dealer(uow.now)
        else:
            if adviser is None:
                lead.adviser_staff_id = None
                lead.seek_dealer(uow.now)
            else:
                lead.adviser_staff_id, lead.route_time = adviser, None
            common.write_down(uow, lead, "ASSIGNED", reason)
            await uow.flush()
            common.say_assigned(uow, lead)
        uow.audit("assign", "lead", str(lead_id), ("dealer_id", "adviser_staff_id"))
        return await uow.answer(lead)


async def _check_target(uow: UnitOfWork, dealer_id: uuid.UUID, adviser: uuid.UUID | None) -> None:
    if uow.principal.is_dealer and str(dealer_id) not in uow.principal.dealers:
        raise InvalidArgument.of("dealer_id", "DEALER_NOT_YOURS", "Name a dealer that you work for.")
    if await lead_work.zone_of(uow.session, dealer_id) is None:
        raise InvalidArgument.of("dealer_id", "DEALER_UNKNOWN", "There is no such dealer.")
    if adviser is not None and await lead_work.staff_dealer(uow.session, adviser) != (True, dealer_id):
        raise InvalidArgument.of("adviser_staff_id", "STAFF_UNKNOWN", "Name somebody who works for this dealer.")


async def contact(
    *, uow: UnitOfWork, lead_id: uuid.UUID, etag: str, reached: bool, note: str, at: datetime | None
) -> Any:
    """Writes an attempt down, also on the person's time line. Raises LeadNotFound, LeadClosed, LeadWithoutDealer, EtagMismatch."""
    async with uow:
        lead, customer = await common.found(uow, lead_id, etag)
        moment = at or uow.now
        if moment > uow.now or (lead.assign_time is not None and moment < lead.assign_time):
            raise InvalidArgument.of("contact_time", "TIME_INVALID", "Give a time since the dealer has the lead.")
        before = lead.stage
        by_manager = "dealer.manager" in uow.principal.roles
        latest = await lead_work.latest_rules(uow.session)
        if reached and lead.stage == rules.ASSIGNED and lead.respond_due_time is not None:
            uow.tally(figures.LEAD_CLOCKS, outcome=figures.IN_TIME)
        lead.contacted(moment, reached, by_manager, grading.band_of(latest.rules, lead.grade).contact_every_days)
        common.write_down(uow, lead, "CONTACTED" if reached else "NOT_REACHED", before=before)
        if reached:
            await tasks.end_answers(uow.session, lead_id, Task.DONE, uow.now)
        customer.refuse_if_gone()
        uow.add(_touch(uow, lead, reached, note, moment))
        await uow.flush()
        common.say_stage(uow, lead, before)
        uow.audit("contact", "lead", str(lead_id))
        return await uow.answer(lead)


def _touch(uow: UnitOfWork, lead: Lead, reached: bool, note: str, moment: datetime) -> Interaction:
    return Interaction(
        interaction_id=new_uuid(),
        customer_id=lead.customer_id,
        kind=_CALL,
        direction=_OUTBOUND,
        occur_time=moment,
        note=note,
        outcome="reached" if reached else "not reached",
        staff_id=staff_of(uow.principal),
        dealer_id=lead.dealer_id,
        reference_type="customer.lead",
        reference_id=str(lead.lead_id),
        create_time=uow.now,
    )


async def advance(*, uow: UnitOfWork, lead_id: uuid.UUID, etag: str, stage: int, reason: str) -> Any:
    """Moves a lead. Raises LeadNotFound, LeadClosed, LeadWithoutDealer, LeadStageWrong, EtagMismatch."""
    async with uow:
        lead, _ = await common.found(uow, lead_id, etag)
        before = lead.stage
        lead.advance(stage)
        return await _moved(uow, lead, before, "STAGE_CHANGED", reason)


async def win(*, uow: UnitOfWork, lead_id: uuid.UUID, etag: str, sale_id: str, reason: str) -> Any:
    """Closes a lead with a sale. Raises LeadNotFound, LeadClosed, LeadWithoutDealer, EtagMismatch."""
    async with uow:
        lead, _ = await common.found(uow, lead_id, etag)
        before = lead.stage
        lead.win(sale_id, uow.now)
        await referring.settle(uow, lead)
        await tasks.end_answers(uow.session, lead_id, Task.DONE, uow.now)
        return await _moved(uow, lead, before, "WON", reason)


async def propose_loss(
    *, uow: UnitOfWork, lead_id: uuid.UUID, etag: str, reason: int, competitor: str, note: str
) -> Any:
    """Says that a lead is lost. Raises LeadNotFound, LeadClosed, LeadWithoutDealer, LeadStageWrong, EtagMismatch, InvalidArgument."""
    if reason == rules.LOSS_COMPETITOR and not competitor.strip():
        raise InvalidArgument.of("competitor", "COMPETITOR_MISSING", "Name whose car was bought.")
    async with uow:
        lead, _ = await common.found(uow, lead_id, etag)
        before = lead.stage
        lead.propose_loss(reason, competitor.strip(), note, uow.principal.subject)
        return await _moved(uow, lead, before, "LOSS_PROPOSED", "")


async def decide_loss(*, uow: UnitOfWork, lead_id: uuid.UUID, etag: str, approved: bool, reason: str) -> Any:
    """Decides on a loss; of those approved a sample is called again. Raises LeadNotFound, LeadStageWrong, LossNotYours, EtagMismatch."""
    async with uow:
        lead, _ = await common.found(uow, lead_id, etag)
        before = lead.stage
        lead.decide_loss(approved, uow.principal.subject, uow.now)
        if approved:
            latest = await lead_work.latest_rules(uow.session)
            if rules.is_recalled(lead_id, latest.rules.get("recall_share", 0)):
                uow.add(_recall(uow, lead))
            await referring.settle(uow, lead)
        return await _moved(uow, lead, before, "LOSS_APPROVED" if approved else "LOSS_REFUSED", reason)


def _recall(uow: UnitOfWork, lead: Lead) -> Task:
    """The maker's task, which the dealer does not see: whether what it said of the loss is what the person says."""
    return Task(
        kind=Task.RECALL,
        title="Ask again why this lead was lost",
        customer_id=lead.customer_id,
        lead_id=lead.lead_id,
        due_time=uow.now + _RECALL_IN,
        create_time=uow.now,
    )


async def recycle(*, uow: UnitOfWork, lead_id: uuid.UUID, etag: str, reason: str) -> Any:
    """Takes a lead from its dealer. Raises LeadNotFound, LeadClosed, LeadWithoutDealer, EtagMismatch."""
    async with uow:
        lead, _ = await common.found(uow, lead_id, etag)
        before, had = lead.stage, lead.dealer_id
        lead.recycle(uow.now)
        await tasks.end_answers(uow.session, lead_id, Task.CANCELLED, uow.now)
        common.write_down(uow, lead, "RECYCLED", reason, before=before)
        await uow.flush()
        common.say_stage(uow, lead, before, had)
        uow.audit("recycle", "lead", str(lead_id))
        return await uow.answer(lead)


async def _moved(uow: UnitOfWork, lead: Lead, before: int, kind: str, reason: str) -> Any:
    common.write_down(uow, lead, kind, reason, before=before)
    await uow.flush()
    common.say_stage(uow, lead, before)
    uow.audit(kind.lower(), "lead", str(lead.lead_id), ("stage",))
    return await uow.answer(lead)
