"""How people come into the queue of calls, and leave it without a call: planned so, after a link in vain, answered by link, out of time.

Whoever changes an invitation and its task locks the invitation first.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from servicekit.db.base import now
from servicekit.db.uow import UnitOfWork, Work
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call

from marque_survey.models import CallTask, Invitation, SurveyPlan
from marque_survey.repository import calls as repository
from marque_survey.repository import invitations, plans
from marque_survey.repository.scope import EVERYTHING
from marque_survey.rules import calls, kinds

AT_ONCE = 200
_EXPIRE_DAYS = 14
# What a link in vain says of the address or of the mail alone. Who withdrew, or may not be contacted at all, is not called instead.
_IN_VAIN = frozenset({"", "MAIL_REFUSED", "MAIL_NOT_SENT", "PERMIT_LATE", "NO_ADDRESS", "NEVER_GRANTED"})


def queue(uow: UnitOfWork, asked: Any, plan: SurveyPlan | None, due: datetime) -> None:
    """Puts an invitation into the queue; `asked` has its id, dealer and promise."""
    days = (plan.expire_days if plan is not None else 0) or _EXPIRE_DAYS
    uow.add(
        CallTask(
            invitation_id=asked["invitation_id"],
            dealer_id=asked["dealer_id"],
            anonymous=asked["anonymous"],
            due_time=due,
            expire_time=due + timedelta(days=days),
            attempt_limit=plan.call_attempts if plan is not None else 3,
            check_permille=plan.check_permille if plan is not None else 50,
        )
    )


async def follow(uow: UnitOfWork, row: Invitation) -> bool:
    """Has somebody called whom a link did not reach, or who did not answer it, where the plan says so; tells whether."""
    unanswered = row.state == kinds.EXPIRED or row.reason in _IN_VAIN
    if row.plan_id is None or row.channel != kinds.EMAIL or row.customer_id is None or not unanswered:
        return False
    plan = await plans.lock(uow.session, row.plan_id)
    if plan is None or plan.way != kinds.BY_EMAIL_THEN_CALL:
        return False
    row.channel, row.state, row.reason, row.due_time, row.expire_time = kinds.CALL, kinds.PLANNED, "", None, None
    if row.first_answer_time is not None:
        row.state = kinds.ANSWERING
    facts = {"invitation_id": row.invitation_id, "dealer_id": row.dealer_id, "anonymous": row.anonymous}
    queue(uow, facts, plan, uow.now)
    return True


async def answered(uow: UnitOfWork, row: Invitation) -> None:
    """Ends the task of somebody who answered by the link meanwhile."""
    if row.channel != kinds.CALL:
        return
    task = await repository.lock(uow.session, row.invitation_id)
    if task is not None and task.end_time is None:
        await _break_off(uow, task)
        task.close(calls.DONE, calls.BY_LINK, uow.now)


async def expire(*, work: Work) -> bool:
    """Gives up tasks whose time went by, each in a transaction of its own; returns whether more may be left."""
    async with work.read() as session:
        found = await repository.expired(session, now(), AT_ONCE)
    for invitation_id in found:
        async with work(Call(SYSTEM, "sweep:survey-calls")) as uow:
            await _expire(uow, invitation_id)
    return len(found) == AT_ONCE


async def _expire(uow: UnitOfWork, invitation_id: uuid.UUID) -> None:
    row = await invitations.lock(uow.session, EVERYTHING, invitation_id)
    task = await repository.lock(uow.session, invitation_id)
    if row is None or task is None or task.end_time is not None or task.expire_time >= uow.now:
        return
    await _break_off(uow, task)
    task.close(calls.GIVEN_UP, calls.UNREACHED if task.attempt_count else calls.NOT_CALLED_IN_TIME, uow.now)
    await give_up(uow, row, task)


async def give_up(uow: UnitOfWork, row: Invitation, task: CallTask) -> None:
    """Ends an invitation whose task was given up. The place of the quota is given back where nobody was asked."""
    row.reason = task.reason
    row.state = kinds.EXPIRED if row.send_count else kinds.NOT_SENT
    if not row.send_count and row.plan_id and row.quota_period:
        await plans.release(uow.session, row.plan_id, row.dealer_id, row.quota_period)
        row.quota_period = None


async def _break_off(uow: UnitOfWork, task: CallTask) -> None:
    last = await repository.last_attempt(uow.session, task.call_task_id)
    if last is not None and last.end_time is None:
        last.end(calls.BROKEN_OFF, uow.now)
