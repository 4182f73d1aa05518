"""Sending links by e-mail: never twice, never lost. A sweep, because it asks others; the steps that matter are rows of their own.

1. A row is claimed: SENDING, with a number of the claim and the time. A worker that is not heard of for a while has lost it.
2. A contact permit is taken and spent (docs/adr/0010).
3. `handing` is committed, under the number of the claim: from here on the mail may be out. Who finds a lost row without it goes on where
   the other broke off, for nothing was handed over. Who finds it with it asks the permit: finished means sent; else nobody knows, and the
   row waits as UNKNOWN for a person. SMTP has no key by which a mail could be sent again without harm.
4. The mail is handed over, the permit finished, the row SENT.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from servicekit.db.uow import UnitOfWork, Work
from servicekit.mail.smtp import MailNotTaken, MailOutcomeUnknown, MailRefused
from servicekit.messaging.inbox import SYSTEM
from servicekit.permits import Done, Held, PermitLate, Refused, Spent
from servicekit.rpc.call import Call
from servicekit.telemetry import logs

from marque_survey import events
from marque_survey.clients import Mail, Permits
from marque_survey.models import Invitation
from marque_survey.repository import invitations as repository
from marque_survey.repository import plans, questionnaires
from marque_survey.repository.scope import EVERYTHING
from marque_survey.rules import document as documents
from marque_survey.rules import kinds
from marque_survey.usecases import queueing
from marque_survey.usecases.inviting import EXPIRE_DAYS

log = logs.get_logger(__name__)
AT_ONCE = 20
MOST_ATTEMPTS = 8
_CALL = "sweep:survey-mail"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row as a worker took it."""

    invitation_id: uuid.UUID
    claim: int
    handing: bool
    number: int
    customer_id: uuid.UUID | None
    document: documents.Document
    vin: str = ""  # the car that must be theirs still: who sold it on is not asked why it is not seen


async def sweep(*, work: Work, permits: Permits, mail: Mail, lease: timedelta) -> bool:
    """Sends what is due; returns whether more may be left. `lease`: after which silence a worker has lost its rows.

    Raises Unavailable while the customer service is away: rows stay claimed until their lease is over.
    """
    claimed = await _claim(work, lease)
    for one in claimed:
        await _send(work, permits, mail, one)
    return len(claimed) >= AT_ONCE


async def expire(*, work: Work) -> bool:
    """Ends invitations whose time went by; their answers stay."""
    async with work(Call(SYSTEM, "sweep:survey-expiry")) as uow:
        rows = await repository.expired(uow.session, uow.now, AT_ONCE * 10)
        for row in rows:
            row.state = kinds.EXPIRED
            await queueing.follow(uow, row)
    return len(rows) == AT_ONCE * 10


async def _claim(work: Work, lease: timedelta) -> list[Claimed]:
    found = []
    async with work(Call(SYSTEM, _CALL)) as uow:
        for row in await repository.claim(uow.session, uow.now, lease, AT_ONCE):
            if row.state == kinds.PLANNED:
                row.send_count += 1
            row.state, row.claim, row.claim_time = kinds.SENDING, row.claim + 1, uow.now
            asked = await questionnaires.version(uow.session, row.questionnaire_id, row.questionnaire_number)
            assert asked is not None  # versions are never deleted
            document = documents.frozen(row.questionnaire_id, row.questionnaire_number, asked.document)
            car = row.vin if row.trigger == kinds.LAPSED else ""
            found.append(
                Claimed(row.invitation_id, row.claim, row.handing, row.send_count, row.customer_id, document, car)
            )
    return found


async def _send(work: Work, permits: Permits, mail: Mail, one: Claimed) -> None:
    if one.customer_id is None:
        await _settle(work, one, kinds.NOT_SENT, "ERASED")
        return
    key = f"survey:{one.invitation_id}:{one.number}"
    (taken,) = await permits.take(str(one.customer_id), key, resume=not one.handing, vin=one.vin)
    if isinstance(taken, Done):
        await _settle(
            work, one, kinds.SENT if taken.finished else kinds.UNKNOWN, "" if taken.finished else "BROKEN_OFF"
        )
    elif isinstance(taken, Refused):
        await _refused(work, one, taken)
    elif one.handing:  # the permit was given back or lapsed, so the other worker knows that nothing left
        await permits.give_back(taken)
        await _later(work, one, "PERMIT_LATE")
    else:
        await _hand_over(work, permits, mail, one, taken)


async def _hand_over(work: Work, permits: Permits, mail: Mail, one: Claimed, held: Held | Spent) -> None:
    spent = held if isinstance(held, Spent) else await permits.spend(held)
    if isinstance(spent, Refused):
        await _refused(work, one, spent)
        return
    if not await _mark_handing(work, one):
        await permits.give_back(spent)  # somebody else has the row by now
        return
    try:
        spent.begin()
        permit = spent.permit
        await mail.send(permit.address, one.document, permit.language, one.invitation_id, one.number)
    except (PermitLate, MailNotTaken, MailRefused) as error:
        await permits.give_back(spent)
        if isinstance(error, MailRefused):
            await _settle(work, one, kinds.NOT_SENT, "MAIL_REFUSED")
        else:
            await _later(work, one, "PERMIT_LATE" if isinstance(error, PermitLate) else "MAIL_NOT_SENT")
    except MailOutcomeUnknown:
        await _settle(work, one, kinds.UNKNOWN, "BROKEN_OFF")
    else:
        await permits.finish(spent)
        await _settle(work, one, kinds.SENT, "", language=spent.permit.language)


async def _mark_handing(work: Work, one: Claimed) -> bool:
    async with work(Call(SYSTEM, _CALL)) as uow:
        row = await _mine(uow, one)
        if row is not None:
            row.handing = True
    return row is not None


async def _refused(work: Work, one: Claimed, refused: Refused) -> None:
    if refused.retry_time is not None:
        await _later(work, one, refused.name, refused.retry_time.ToDatetime(UTC))
    else:
        await _settle(work, one, kinds.NOT_SENT, refused.name)


async def _later(work: Work, one: Claimed, reason: str, due: datetime | None = None) -> None:
    """Plans a row anew; one that fails again and again is given up. What the person's rules put off does not count as a failure."""
    async with work(Call(SYSTEM, _CALL)) as uow:
        row = await _mine(uow, one)
        if row is None:
            return
        row.attempts += due is None
        row.claim_time, row.handing, row.reason = None, False, reason
        if row.attempts >= MOST_ATTEMPTS:
            row.state = kinds.NOT_SENT
            await _release(uow, row)
        else:
            row.state, row.due_time = kinds.PLANNED, due or uow.now + timedelta(seconds=15 * 2**row.attempts)


async def _settle(work: Work, one: Claimed, state: int, reason: str, language: str = "") -> None:
    """Writes what became of a row; once, whoever comes."""
    async with work(Call(SYSTEM, _CALL)) as uow:
        row = await _mine(uow, one)
        if row is None:
            return
        row.claim_time, row.handing = None, False
        if row.state == kinds.SENDING:  # else it was answered in the moment since it left
            row.state, row.reason = state, reason
        if row.state == kinds.NOT_SENT:
            await _release(uow, row)
            return
        row.language = language or row.language
        row.send_time = uow.now
        row.expire_time = uow.now + timedelta(days=await _days(uow, row))
        if row.first_answer_time is not None:
            row.state = kinds.ANSWERING
        await uow.flush()
        if state == kinds.SENT:
            uow.emit(events.survey_invited(row), of=row)


async def _days(uow: UnitOfWork, row: Invitation) -> int:
    found = await plans.lock(uow.session, row.plan_id) if row.plan_id else None
    return (found.expire_days if found is not None else 0) or EXPIRE_DAYS


async def _release(uow: UnitOfWork, row: Invitation) -> None:
    """Gives the place of the quota back: nobody was asked, nor will be by phone."""
    if not await queueing.follow(uow, row) and row.plan_id and row.quota_period:
        await plans.release(uow.session, row.plan_id, row.dealer_id, row.quota_period)
        row.quota_period = None


async def _mine(uow: UnitOfWork, one: Claimed) -> Any:
    row = await repository.lock(uow.session, EVERYTHING, one.invitation_id)
    held = row is not None and row.claim == one.claim and row.claim_time is not None
    return row if held else None
