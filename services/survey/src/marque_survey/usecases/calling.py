"""What agents and supervisors do with call tasks. A contact permit is taken, spent and looked at as they dial, before the number is given.

The number is handed over by the commit of the call. Taking the same permit again after a crash is harmless: the same agent sees the same
number once more. So it is resumed, and given back in one case only: where its time was over before the commit.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import Aborted, FailedPrecondition, FieldViolation, InvalidArgument
from servicekit.permits import Done, PermitLate, Refused, Spent

from marque_survey import events
from marque_survey.clients import Permits
from marque_survey.errors import CallTaskNotFound, CallUnderWay
from marque_survey.models import CallAttempt, CallTask, Invitation
from marque_survey.repository import calls as repository
from marque_survey.repository import invitations, questionnaires
from marque_survey.repository.scope import EVERYTHING, Scope
from marque_survey.rules import calls, kinds
from marque_survey.usecases import answering, queueing

_PAUSE = timedelta(minutes=1)
# What a permit is refused for that was asked for twice at once, or too slowly: nothing that speaks against calling.
_AGAIN = frozenset({"SUPERSEDED", "EXPIRED", "OVER", "NOT_SPENT", "UNKNOWN_PERMIT"})
_KIND = "call_task"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who dials: what they see, who they are, and whether they check calls of others."""

    scope: Scope
    agent: uuid.UUID
    may_check: bool


async def take(*, uow: UnitOfWork, scope: Scope, call_task_id: uuid.UUID, agent: uuid.UUID, etag: str) -> Any:
    """Gives a task to an agent. Raises CallTaskNotFound, CallTaskEnded, CallTaskTaken, EtagMismatch."""
    async with uow:
        row, task, last = await _locked(uow, scope, call_task_id, etag)
        before = task.agent_id
        task.take(agent, uow.now)
        if last is not None and last.end_time is None and before != agent:
            last.end(calls.BROKEN_OFF, uow.now)
            task.vain_count += 1
        uow.audit("take", _KIND, str(call_task_id), ("agent_id",))
        return await uow.answer((row, task))


async def dial(
    *,
    work: Work,
    uow: UnitOfWork,
    permits: Permits,
    scope: Scope,
    call_task_id: uuid.UUID,
    agent: uuid.UUID,
    may_check: bool,
    etag: str,
) -> Any:
    """Begins a call, or says why there is none. Raises CallTaskNotFound, CallTaskNotYours, CallUnderWay, Unavailable."""
    caller = Caller(scope, agent, may_check)
    asked = await _to_be_asked(work, caller, call_task_id, etag)
    permit = await _permit(permits, *asked) if asked is not None else None
    try:
        answer = await _dialled(uow, caller, call_task_id, etag, permit)
    except PermitLate:
        if isinstance(permit, Spent):
            await permits.give_back(permit)
        raise Aborted() from None
    if isinstance(permit, Spent):
        await permits.finish(permit)
    return answer


async def _to_be_asked(work: Work, caller: Caller, call_task_id: uuid.UUID, etag: str) -> tuple[str, str, str] | None:
    """Returns person, key and car of the permit; None where there is none to take: the unit of work says why, or answers a retry."""
    async with work.read() as session:
        invitation_id = await repository.invitation_of(session, caller.scope, call_task_id)
        if invitation_id is None:
            raise CallTaskNotFound()
        row, task = await repository.pair(session, invitation_id)
        try:
            task.check_dial(caller.agent, await repository.last_attempt(session, call_task_id), caller.may_check)
            task.check_etag(etag)
        except (FailedPrecondition, Aborted):
            return None
        if row.customer_id is None:
            return None
        car = row.vin if row.trigger == kinds.LAPSED else ""  # who sold the car on is not asked why it is not seen
        return str(row.customer_id), f"survey-call:{call_task_id}:{task.attempt_count + 1}", car


async def _permit(permits: Permits, customer_id: str, key: str, vin: str) -> Spent | Refused | Done:
    (taken,) = await permits.take(customer_id, key, resume=True, by_phone=True, vin=vin)
    if isinstance(taken, Spent | Refused | Done):
        return taken
    return await permits.spend(taken)


async def _dialled(
    uow: UnitOfWork, caller: Caller, call_task_id: uuid.UUID, etag: str, permit: Spent | Refused | Done | None
) -> Any:
    agent = caller.agent
    async with uow:
        row, task, last = await _locked(uow, caller.scope, call_task_id, etag)
        task.check_dial(agent, last, caller.may_check)
        phone, refusal = "", ""
        if isinstance(permit, Spent):
            permit.begin()
            _begin(uow, row, task, task.dial(agent, uow.now))
            phone = permit.permit.address
            row.language = row.language or permit.permit.language
        elif isinstance(
            permit, Done
        ):  # another handing over under this key is told as done: it is counted, and the next has another key
            broken = task.dial(agent, uow.now)
            broken.end(calls.BROKEN_OFF, uow.now)
            uow.add(broken)
            task.wait("IN_USE", uow.now + _PAUSE)
        else:
            refusal = await _refused(uow, row, task, permit)
        await uow.flush()
        uow.audit("dial", _KIND, str(call_task_id))
        return await uow.answer((row, task, phone, refusal))


def _begin(uow: UnitOfWork, row: Invitation, task: CallTask, attempt: CallAttempt) -> None:
    uow.add(attempt)
    if attempt.checking:
        return
    row.send_count, row.send_time = row.send_count + 1, uow.now
    if row.state == kinds.PLANNED:
        row.state = kinds.SENT
        uow.emit(events.survey_invited(row), of=row)


async def _refused(uow: UnitOfWork, row: Invitation, task: CallTask, refused: Refused | None) -> str:
    """Puts the task off, or gives it up where waiting does not help; returns why. A check that is refused changes nothing."""
    if refused is None and row.customer_id is not None:  # a call was under way a moment ago, so no permit was asked for
        raise CallUnderWay()
    if refused is not None and refused.name in _AGAIN:
        raise Aborted()
    name = refused.name if refused is not None else calls.ERASED
    if task.end_time is None and refused is not None and refused.retry_time is not None:
        task.wait(name, max(refused.retry_time.ToDatetime(UTC), uow.now))
    elif task.end_time is None:
        task.close(calls.GIVEN_UP, name, uow.now)
        await queueing.give_up(uow, row, task)
    return name


async def save(
    *,
    uow: UnitOfWork,
    scope: Scope,
    call_task_id: uuid.UUID,
    agent: uuid.UUID,
    code: str,
    value: dict[str, Any],
    sequence: int,
) -> Any:
    """Keeps an answer given in the call that is under way. Raises what `answering.save` does, and what `check_call` does."""
    async with uow:
        row, task, last = await _locked(uow, scope, call_task_id, "")
        attempt = task.check_call(agent, last)
        task.claim_time = uow.now
        submission = f"call:{call_task_id.hex}:{attempt.number}", sequence
        return await answering.save(
            uow=uow, invitation_id=row.invitation_id, code=code, value=value, submission=submission
        )


async def end(
    *,
    uow: UnitOfWork,
    scope: Scope,
    call_task_id: uuid.UUID,
    agent: uuid.UUID,
    outcome: int,
    call_back: datetime | None,
    etag: str,
) -> Any:
    """Ends the call that is under way. Raises what `check_call` does, SurveyIncomplete, InvalidArgument, EtagMismatch."""
    async with uow:
        row, task, last = await _locked(uow, scope, call_task_id, etag)
        attempt = task.check_call(agent, last)
        _check_call_back(outcome, call_back, uow.now)
        attempt.end(outcome, uow.now)
        if outcome == calls.COMPLETED:
            task.complete(uow.now)
            await uow.flush()
            await answering.end(uow=uow, invitation_id=row.invitation_id)
        else:
            task.hang_up(outcome, uow.now, call_back)
            if task.end_time is not None:
                await queueing.give_up(uow, row, task)
        uow.audit("end", _KIND, str(call_task_id), ("state",))
        return await uow.answer((row, task))


def _check_call_back(outcome: int, call_back: datetime | None, now: datetime) -> None:
    if (outcome == calls.CALL_BACK) is (call_back is None) or (
        call_back is not None and not now < call_back <= now + calls.MOST_AHEAD
    ):
        raise InvalidArgument.of(
            "call_back_time", "CALL_BACK_TIME", "A call-back needs a time within 30 days; nothing else has one."
        )


async def check(
    *,
    uow: UnitOfWork,
    scope: Scope,
    call_task_id: uuid.UUID,
    agent: uuid.UUID,
    verdict: int,
    faults: Sequence[str],
    etag: str,
) -> Any:
    """Notes what a supervisor found. Raises CallTaskNotFound, CallNotToCheck, CallOwnCheck, InvalidArgument, EtagMismatch."""
    async with uow:
        row, task, last = await _locked(uow, scope, call_task_id, etag)
        if (verdict == calls.DIFFERENT) is not bool(faults):
            raise InvalidArgument.of(
                "check_faults", "CHECK_FAULTS", "Name the questions whose answers differ, and only then."
            )
        asked = await questionnaires.version(uow.session, row.questionnaire_id, row.questionnaire_number)
        known = {one["code"] for one in asked.document.get("questions", ())} if asked is not None else set()
        if unknown := [place for place, code in enumerate(faults) if code not in known]:
            text = "There is no such question."
            raise InvalidArgument(
                violations=[FieldViolation(f"check_faults[{at}]", "QUESTION_UNKNOWN", text) for at in unknown]
            )
        task.check(agent, verdict, faults, uow.now)
        if last is not None and last.checking and last.end_time is None:
            last.end(calls.COMPLETED, uow.now)
        uow.audit("check", _KIND, str(call_task_id), ("verdict",))
        return await uow.answer((row, task))


async def _locked(
    uow: UnitOfWork, scope: Scope, call_task_id: uuid.UUID, etag: str
) -> tuple[Invitation, CallTask, CallAttempt | None]:
    """Returns invitation, task and latest call, the first two locked in this order. Raises CallTaskNotFound, EtagMismatch."""
    invitation_id = await repository.invitation_of(uow.session, scope, call_task_id)
    row = await invitations.lock(uow.session, EVERYTHING, invitation_id) if invitation_id is not None else None
    task = await repository.lock(uow.session, invitation_id) if invitation_id is not None else None
    if row is None or task is None:
        raise CallTaskNotFound()
    task.check_etag(etag)
    return row, task, await repository.last_attempt(uow.session, call_task_id)
