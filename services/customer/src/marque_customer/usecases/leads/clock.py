"""The clock of a lead that nobody answers: remind, lapse, recycle. Each is due work, and happens once, whoever is killed meanwhile."""

from __future__ import annotations

import uuid
from datetime import datetime

from marque.customer.v1 import lead_events_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.telemetry import logs, spans

from marque_customer.errors import LeadNotFound
from marque_customer.models import Lead, Task
from marque_customer.repository import families, lead_work, tasks
from marque_customer.repository import leads as repository
from marque_customer.rules import figures
from marque_customer.rules import leads as rules
from marque_customer.usecases.leads import common, referring

log = logs.get_logger(__name__)


async def tick(uow: UnitOfWork, key: str) -> datetime | None:
    """Does what is due for a lead; returns when the next thing is, None where nothing is to come."""
    lead_id = uuid.UUID(key)
    try:
        lead, _ = await common.found(uow, lead_id)
    except LeadNotFound:  # erased meanwhile
        return None
    with spans.resumed_span("lead.clock", lead.traceparent):
        again = await _do(uow, lead)
        await uow.flush()
        return again


async def _do(uow: UnitOfWork, lead: Lead) -> datetime | None:
    if lead.stage == rules.LAPSED and lead.dealer_id is not None:
        return await _recycle(uow, lead)
    if lead.stage != rules.ASSIGNED or lead.respond_due_time is None:
        return None
    if lead.respond_due_time <= uow.now:
        return await _lapse(uow, lead)
    if lead.remind_time is not None and lead.remind_time <= uow.now:
        _remind(uow, lead)
    return lead.remind_time or lead.respond_due_time


def _remind(uow: UnitOfWork, lead: Lead) -> None:
    assert lead.respond_due_time is not None
    lead.remind_time = None
    common.write_down(uow, lead, "REMINDED")
    uow.add(
        Task(
            kind=Task.ANSWER_LEAD,
            title="Answer this lead before its time is over",
            customer_id=lead.customer_id,
            lead_id=lead.lead_id,
            dealer_id=lead.dealer_id,
            staff_id=lead.adviser_staff_id,
            due_time=lead.respond_due_time,
            create_time=uow.now,
        )
    )


async def _lapse(uow: UnitOfWork, lead: Lead) -> datetime:
    due, before = lead.respond_due_time, lead.stage
    assert due is not None
    lead.lapse()
    common.write_down(uow, lead, "LAPSED", before=before)
    await uow.flush()
    lapsed = lead_events_pb2.LeadLapsed(
        lead_id=str(lead.lead_id),
        customer_id=str(lead.customer_id),
        dealer_id=str(lead.dealer_id),
        adviser_staff_id=str(lead.adviser_staff_id or ""),
        lapse_count=lead.lapse_count,
    )
    lapsed.due_time.FromDatetime(due)
    uow.emit(lapsed, of=lead)
    uow.tally(figures.LEAD_CLOCKS, outcome=figures.LAPSED)
    common.say_stage(uow, lead, before)
    uow.audit("lapse", "lead", str(lead.lead_id), ("stage",))
    latest = await lead_work.latest_rules(uow.session)
    return await common.recycle_time(uow, lead, due, latest.rules.get("recycle_after_minutes", 0))


async def _recycle(uow: UnitOfWork, lead: Lead) -> datetime | None:
    latest = await lead_work.latest_rules(uow.session)
    others = [one for one in await repository.open_of(uow.session, [lead.customer_id]) if one is not lead]
    if any(one.group_id == lead.group_id for one in others):
        lead.hold(rules.NOT_RECYCLED, None)  # the person is looked after elsewhere
        common.write_down(uow, lead, "HELD", rules.NOT_RECYCLED)
        return None
    if lead.lapse_count > latest.rules.get("max_recycles", 0):
        lead.hold(rules.RECYCLE_LIMIT, None)
        common.write_down(uow, lead, "HELD", rules.RECYCLE_LIMIT)
        uow.add(_alarm(uow, lead))
        log.error("a lead lapsed at every dealer", extra={"lead_id": str(lead.lead_id), "lapses": lead.lapse_count})
        return None
    before, had = lead.stage, lead.dealer_id
    lead.recycle(uow.now)
    await tasks.end_answers(uow.session, lead.lead_id, Task.CANCELLED, uow.now)
    common.write_down(uow, lead, "RECYCLED", before=before)
    await uow.flush()
    common.say_stage(uow, lead, before, had)
    uow.audit("recycle", "lead", str(lead.lead_id), ("stage",))
    return None


def _alarm(uow: UnitOfWork, lead: Lead) -> Task:
    """The maker's own people answer what no dealer did."""
    return Task(
        kind=Task.ANSWER_LEAD,
        title="No dealer answered this lead",
        customer_id=lead.customer_id,
        lead_id=lead.lead_id,
        due_time=uow.now,
        create_time=uow.now,
    )


async def won_by_sale(uow: UnitOfWork, sales: list[tuple[uuid.UUID, uuid.UUID, str]]) -> None:
    """Sales (customer, dealer, sale id) win the buyers' open leads at the dealer, and end those for the same wish elsewhere.

    The buyers' rows must be locked.
    """
    buyers = sorted({customer for customer, _, _ in sales})
    leads = await repository.open_of(uow.session, await families.whole(uow.session, buyers))
    person = await families.roots(uow.session, {*buyers, *(lead.customer_id for lead in leads)})
    for customer_id, dealer_id, sale_id in sales:
        same = [one for one in leads if person[one.customer_id] == person[customer_id]]
        mine = [one for one in same if one.stage not in rules.CLOSED]
        won = [one for one in mine if one.dealer_id == dealer_id and not one.wish_key.startswith("sell")]
        groups = {one.group_id for one in won}
        for lead in won:
            await _end(uow, lead, sale_id)
        for lead in mine:
            if lead not in won and lead.group_id in groups:
                await _end(uow, lead, "")


async def _end(uow: UnitOfWork, lead: Lead, sale_id: str) -> None:
    with spans.resumed_span("lead.sale", lead.traceparent):
        before = lead.stage
        if sale_id:
            lead.win(sale_id, uow.now)
        else:
            lead.lose_to_ourselves(uow.now)
        await referring.settle(uow, lead)
        await tasks.end_answers(uow.session, lead.lead_id, Task.DONE, uow.now)
        common.write_down(uow, lead, "WON" if sale_id else "LOST", before=before)
        await uow.flush()
        common.say_stage(uow, lead, before)
        uow.audit("won" if sale_id else "lost", "lead", str(lead.lead_id), ("stage",))


async def take_adviser(uow: UnitOfWork, lead_id: uuid.UUID, dealer_id: uuid.UUID, staff_id: uuid.UUID) -> None:
    """Notes whom network found for a lead that had waited in its dealer's queue; what was assigned by hand meanwhile stays."""
    try:
        lead, _ = await common.found(uow, lead_id)
    except LeadNotFound:
        return
    if lead.dealer_id != dealer_id or lead.adviser_staff_id is not None or lead.stage in rules.CLOSED:
        return
    with spans.resumed_span("lead.adviser", lead.traceparent):
        lead.adviser_staff_id = staff_id
        common.write_down(uow, lead, "ASSIGNED", "QUEUE")
        await uow.flush()
        common.say_assigned(uow, lead)
        uow.audit("assign", "lead", str(lead_id), ("adviser_staff_id",))
