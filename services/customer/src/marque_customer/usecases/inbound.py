"""What people write to us: mails, chats, faxes, messages. Each once, on the time line of its person, a lead where that is asked for.

The person is found as a lead's is: by phone or e-mail and name, else somebody new. A tracking code leads to an earlier lead of the same
person only: whoever reads a code in somebody else's mail reaches nothing by it.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

from marque.customer.v1 import inbound_service_pb2 as rpc
from servicekit import dealers
from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation, InvalidArgument
from servicekit.ids import new_uuid
from tradekit import adf, mail

from marque_customer.mapping import inbound as mapping
from marque_customer.models import Customer, LeadIntake
from marque_customer.repository import families, lead_work
from marque_customer.repository import inbound as repository
from marque_customer.rules.inbound import Incoming, tracking_code
from marque_customer.rules.inbound_kinds import kind_of
from marque_customer.rules.lead_people import Told
from marque_customer.rules.sources import owner_of
from marque_customer.usecases import interactions
from marque_customer.usecases.leads import creating, intake, people

LOGGED, LEFT, LEADS = rpc.INBOUND_OUTCOME_LOGGED, rpc.INBOUND_OUTCOME_LEFT, rpc.INBOUND_OUTCOME_LEADS
# How the outcome stands in `lead_intakes`, apart from those of prospects (ProspectOutcome).
KEPT = {LOGGED: 101, LEFT: 103, LEADS: 104}
_LEFT_DAYS = 30
_MESSAGE, _LEAD = "customer.lead_intake", "customer.lead"


async def receive_mail(*, uow: UnitOfWork, request: rpc.ReceiveMailRequest) -> Any:
    """Takes a mail. Raises InvalidArgument."""
    found = await read(request)
    async with uow:
        return await uow.answer(await accept(uow, request, found))


async def read(request: rpc.ReceiveMailRequest) -> mail.Mail:
    """Reads the mail of a request. Raises InvalidArgument for one that cannot be read."""
    try:
        # A stranger's mail may take a while to read; others are served meanwhile.
        return await asyncio.to_thread(mail.read, request.message, frozenset({request.mailbox.lower()}))
    except mail.MailError as error:
        raise InvalidArgument.of("message", error.reason.value, str(error)) from None


async def accept(uow: UnitOfWork, request: rpc.ReceiveMailRequest, found: mail.Mail) -> rpc.InboundReceipt:
    """Takes a mail that was read, inside the open unit of work. Raises InvalidArgument."""
    incoming = mapping.of_mail(found, request.mailbox.lower(), request, uow.now)
    dealer_id = await dealer(uow, incoming.dealer_code)
    incoming = owned(uow, incoming, dealer_id)
    if (before := await known(uow, incoming)) is not None:
        return before
    if found.automatic:
        return await _leave(uow, incoming, mapping.LEFT_REASONS[found.automatic])
    if found.lead_document:
        return await _prospects(uow, incoming, found.lead_document)
    _refuse_faults(incoming.told)
    return await take(uow, incoming, dealer_id)


async def receive_transcript(*, uow: UnitOfWork, request: rpc.ReceiveTranscriptRequest) -> Any:
    """Takes a conversation that ended elsewhere. Raises InvalidArgument."""
    incoming = mapping.of_transcript(request, uow.now)
    _refuse_faults(incoming.told)
    async with uow:
        dealer_id = await dealer(uow, incoming.dealer_code)
        incoming = owned(uow, incoming, dealer_id)
        before = await known(uow, incoming)
        return await uow.answer(before if before is not None else await take(uow, incoming, dealer_id))


def owned(uow: UnitOfWork, incoming: Incoming, dealer_id: uuid.UUID | None) -> Incoming:
    """Keys are kept apart by whose system they come from: nobody is told what somebody else's mail became."""
    return replace(incoming, sender=f"{incoming.sender}@{owner_of(uow.principal, dealer_id)}")


async def known(uow: UnitOfWork, incoming: Incoming) -> rpc.InboundReceipt | None:
    """What became of the same before; its key is held until the transaction ends."""
    row = await lead_work.intake(uow.session, incoming.sender, incoming.key)
    if row is None:
        return None
    return rpc.InboundReceipt(
        outcome=rpc.INBOUND_OUTCOME_REPEATED,
        customer_id=str(row.customer_id or ""),
        interaction_id=str(row.interaction_id or ""),
        lead_id=str(row.lead_id or ""),
        case_id=str(row.case_id or ""),
        tracking_code=tracking_code(row.intake_id) if row.customer_id else "",
        case_kind=row.case_kind,
        case_kind_reason=row.case_reason,
    )


async def _leave(uow: UnitOfWork, incoming: Incoming, reason: Any) -> rpc.InboundReceipt:
    """Notes that it came, so that it is not read again; nothing of what it says is kept."""
    row = _row(uow, incoming, LEFT)
    await uow.schedule(intake.INTAKE_GONE, str(row.intake_id), uow.now + timedelta(days=_LEFT_DAYS))
    return rpc.InboundReceipt(outcome=LEFT, left_reason=reason)


async def _prospects(uow: UnitOfWork, incoming: Incoming, document: bytes) -> rpc.InboundReceipt:
    try:
        found = adf.parse(document, "")
    except adf.AdfError as error:
        raise InvalidArgument.of("message", error.reason.value, str(error)) from None
    answer = await intake.take(uow, found)
    row = _row(uow, incoming, LEADS)
    await uow.schedule(intake.INTAKE_GONE, str(row.intake_id), uow.now + timedelta(days=_LEFT_DAYS))
    return rpc.InboundReceipt(outcome=LEADS, prospects=answer.results)


async def take(uow: UnitOfWork, incoming: Incoming, dealer_id: uuid.UUID | None) -> rpc.InboundReceipt:
    """Takes what a person wrote, inside the open unit of work."""
    customer = await people.person_of(uow, incoming.told, incoming.source)
    await people.say_details(uow, customer, incoming.told, incoming.source, dealer_id)
    earlier = await _earlier(uow, customer, incoming.code)
    lead_id = earlier.lead_id if earlier is not None else None
    if incoming.wish is not None:
        lead, _ = await creating.begin(uow, customer, creating.Wish(**incoming.wish), dealer_id)
        lead_id = lead.lead_id
    row = _row(uow, incoming, LOGGED, customer, lead_id)
    # What belongs to the lead is found at the lead; the touch is found by what came in where there is none.
    reference = (_LEAD, str(lead_id)) if lead_id is not None else (_MESSAGE, str(row.intake_id))
    values = incoming.values | {
        "dealer_id": dealer_id,
        "reference_type": reference[0],
        "reference_id": reference[1],
        "content_key": "",
    }
    touch = await interactions.write(uow, customer.customer_id, values)
    row.interaction_id = touch.interaction_id
    uow.audit("receive", "interaction", str(touch.interaction_id))
    return rpc.InboundReceipt(
        outcome=LOGGED,
        customer_id=str(customer.customer_id),
        interaction_id=str(touch.interaction_id),
        lead_id=str(lead_id or ""),
        tracking_code=tracking_code(row.intake_id),
        may_answer=True,
        case_kind=row.case_kind,
        case_kind_reason=row.case_reason,
    )


def _refuse_faults(told: Told) -> None:
    wrong = [FieldViolation(name, "CONTACT_POINT_INVALID", "This is no number or address.") for name, _ in told.faults]
    if not told.contacts and not wrong:
        wrong.append(FieldViolation("phone", "CONTACT_MISSING", "Give a phone number, an e-mail address or a fax."))
    if wrong:
        raise InvalidArgument(violations=wrong)


async def dealer(uow: UnitOfWork, code: str) -> uuid.UUID | None:
    """The dealer of a code; a dealer's own system speaks for its dealer only."""
    principal = uow.principal
    if not code and principal.is_dealer and len(principal.dealers) == 1:
        return uuid.UUID(next(iter(principal.dealers)))
    found = (await dealers.by_code(uow.session, [code])).get(code) if code else None
    if (code and found is None) or (principal.is_dealer and str(found) not in principal.dealers):
        text = "There is no dealer of this code, or it is not yours."
        raise InvalidArgument.of("dealer_code", "DEALER_UNKNOWN", text)
    return found


async def _earlier(uow: UnitOfWork, customer: Customer, code: str) -> Any:
    """What came in under a tracking code, where it is the same person's."""
    if not code:
        return None
    family = await families.family(uow.session, customer.customer_id)
    rows = await repository.intakes_of(uow.session, family)
    return next((row for row in rows if tracking_code(row.intake_id) == code), None)


def _row(
    uow: UnitOfWork,
    incoming: Incoming,
    outcome: Any,
    customer: Customer | None = None,
    lead_id: uuid.UUID | None = None,
) -> LeadIntake:
    wants_case = incoming.wants_case and outcome == LOGGED
    kind, reason = kind_of(incoming.values["subject"], incoming.values["note"]) if wants_case else (0, "")
    row = LeadIntake(
        intake_id=new_uuid(),
        sender=incoming.sender,
        sender_key=incoming.key,
        raw="",
        outcome=KEPT[outcome],
        customer_id=customer.customer_id if customer is not None else None,
        lead_id=lead_id,
        problems=[],
        create_time=uow.now,
        case_time=uow.now if wants_case else None,
        case_kind=kind,
        case_reason=reason,
    )
    uow.add(row)
    return row
