"""Leads from outside: each prospect once, whoever sends it again; one lead or one clear answer; what was sent is kept as it came."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from marque.customer.v1 import lead_intake_service_pb2 as rpc
from servicekit import dealers
from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation, InvalidArgument
from servicekit.ids import new_uuid
from tradekit import adf

from marque_customer.mapping import adf as mapping
from marque_customer.models import LeadIntake
from marque_customer.repository import lead_work
from marque_customer.rules.inbound import tracking_code
from marque_customer.usecases.leads import creating, people

INTAKE_GONE = "lead-intake-gone"
_REJECTED_DAYS = 30
CREATED, REPEATED = rpc.PROSPECT_OUTCOME_CREATED, rpc.PROSPECT_OUTCOME_REPEATED
JOINED, REJECTED = rpc.PROSPECT_OUTCOME_JOINED, rpc.PROSPECT_OUTCOME_REJECTED


async def receive_adf(*, uow: UnitOfWork, document: bytes, charset: str) -> Any:
    """Takes the prospects of a document. Raises InvalidArgument for one of which nothing can be read."""
    try:
        found = adf.parse(document, charset)
    except adf.AdfError as error:
        raise InvalidArgument.of("document", error.reason.value, str(error)) from None
    async with uow:
        return await uow.answer(await take(uow, found))


async def take(uow: UnitOfWork, found: adf.AdfDocument) -> rpc.ReceiveAdfResponse:
    """Takes the prospects of a document that was read."""
    told = [mapping.told_of(one) for one in found.prospects]
    # All at once and in one order: two documents about the same people never wait for each other.
    keys = {(contact.kind, contact.match_key) for one in told for contact in one.contacts}
    await lead_work.lock_contacts(uow.session, sorted(keys))
    answer = rpc.ReceiveAdfResponse()
    for prospect, person in zip(found.prospects, told, strict=True):
        answer.results.append(await _prospect(uow, prospect, person))
    return answer


async def _prospect(uow: UnitOfWork, prospect: adf.AdfProspect, told: Any) -> rpc.ProspectResult:
    sender = uow.principal.partner or uow.principal.subject
    sent_id = prospect.ids[0] if prospect.ids else None
    key = f"id:{sent_id[0]}:{sent_id[1]}" if sent_id else f"hash:{prospect.digest}"
    shown_id = sent_id[1] if sent_id else ""
    known = await lead_work.intake(uow.session, sender, key)
    if known is not None and (known.outcome != REJECTED or known.content_hash == prospect.digest):
        outcome = REJECTED if known.outcome == REJECTED else REPEATED
        return mapping.result(prospect.number, shown_id, outcome, known.lead_id, known.problems, known.intake_id)
    if known is not None:  # refused before, and mended by its sender
        await lead_work.drop_rejected(uow.session, known.intake_id)
    problems = [*prospect.problems, *(mapping.problem(path, code) for path, code in told.faults)]
    wish, more = mapping.wish_of(prospect, told, uow.now)
    problems += more
    outcome, customer_id, lead_id = REJECTED, None, None
    if told.reachable:
        dealer_id, wrong = await _dealer(uow, prospect)
        problems += wrong
        customer = await people.person_of(uow, told, "adf")
        lead, new = await creating.begin(uow, customer, creating.Wish(**wish), dealer_id)
        outcome, customer_id, lead_id = CREATED if new else JOINED, customer.customer_id, lead.lead_id
    else:
        problems.append(mapping.problem("customer/contact", "MISSING"))
    row = LeadIntake(
        intake_id=new_uuid(),
        sender=sender,
        sender_key=key,
        raw=prospect.raw,
        outcome=outcome,
        customer_id=customer_id,
        lead_id=lead_id,
        problems=[list(one) for one in problems],
        content_hash=prospect.digest,
        create_time=uow.now,
    )
    uow.add(row)
    if lead_id is None:
        await uow.schedule(INTAKE_GONE, str(row.intake_id), uow.now + timedelta(days=_REJECTED_DAYS))
    uow.audit("receive", "lead_intake", str(row.intake_id))
    await uow.flush()
    return mapping.result(prospect.number, shown_id, outcome, lead_id, problems, row.intake_id)


async def _dealer(uow: UnitOfWork, prospect: adf.AdfProspect) -> tuple[uuid.UUID | None, list[adf.AdfProblem]]:
    """The dealer whom the sender means, by its code; a dealer's own system sends for its dealer only."""
    named = [text for _, text in prospect.vendor.ids] + ([prospect.vendor.name] if prospect.vendor.name else [])
    known = await dealers.by_code(uow.session, named) if named else {}
    found = next((known[text] for text in named if text in known), None)
    own = uow.principal.dealers
    if uow.principal.is_dealer and str(found) not in own:
        found = uuid.UUID(next(iter(own))) if len(own) == 1 else None
    return found, [mapping.problem("vendor", "DEALER_UNKNOWN")] if named and found is None else []


async def forget_rejected(uow: UnitOfWork, key: str) -> datetime | None:
    """Deletes what was sent and became no lead: nobody asks for it any more."""
    await lead_work.drop_rejected(uow.session, uuid.UUID(key))
    return None


async def submit_web(*, uow: UnitOfWork, request: rpc.SubmitWebLeadRequest) -> Any:
    """Takes a form. Raises InvalidArgument. What a machine filled in is thanked for and dropped."""
    told = mapping.web_told(request)
    wrong = [FieldViolation(name, "CONTACT_POINT_INVALID", "This is no number or address.") for name, _ in told.faults]
    if not told.reachable and not wrong:
        wrong.append(FieldViolation("phone", "CONTACT_MISSING", "Give a phone number or an e-mail address."))
    if not request.contact_allowed:
        wrong.append(FieldViolation("contact_allowed", "CONSENT_MISSING", "We may not answer without this."))
    if wrong:
        raise InvalidArgument(violations=wrong)
    wish = creating.Wish(**mapping.web_wish(request))
    async with uow:
        intake_id = new_uuid()
        if not request.website:
            await _web_lead(uow, request, told, wish, intake_id)
        return await uow.answer(rpc.SubmitWebLeadResponse(tracking_code=tracking_code(intake_id)))


async def _web_lead(uow: UnitOfWork, request: Any, told: Any, wish: creating.Wish, intake_id: uuid.UUID) -> None:
    code = request.dealer_code
    dealer_id = (await dealers.by_code(uow.session, [code])).get(code) if code else None
    customer = await people.person_of(uow, told, "web")
    lead, new = await creating.begin(uow, customer, wish, dealer_id)
    uow.add(
        LeadIntake(
            intake_id=intake_id,
            sender="web",
            sender_key=str(intake_id),
            raw=wish.comments,
            outcome=CREATED if new else JOINED,
            customer_id=customer.customer_id,
            lead_id=lead.lead_id,
            problems=[],
            create_time=uow.now,
        )
    )
    uow.audit("receive", "lead_intake", str(intake_id))
