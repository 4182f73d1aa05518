"""Who is asked because of what happened: an invitation for each plan that holds, once for each occurrence, within the dealer's quota."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.ids import new_uuid

from marque_survey.models import Questionnaire, SurveyPlan
from marque_survey.repository import invitations, results
from marque_survey.repository import plans as repository
from marque_survey.repository.scope import EVERYTHING
from marque_survey.rules import kinds, planning
from marque_survey.usecases import queueing

OVER_QUOTA = "OVER_QUOTA"


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that happened: its key, who it happened to, where, and when (a moment, or a day of the dealer's zone)."""

    trigger: int
    key: str
    customer_id: uuid.UUID
    dealer_id: uuid.UUID | None
    vin: str
    moment: datetime | None = None
    day: date | None = None
    case_id: uuid.UUID | None = None
    model: str = ""
    adviser: uuid.UUID | None = None


async def plan(*, uow: UnitOfWork, happened: Occurrence) -> None:
    """Invites whoever it happened to by every plan that holds. The same again changes nothing."""
    async with uow:
        for found, questionnaire in await repository.holding(uow.session, happened.trigger):
            await plan_one(uow, found, questionnaire, happened)


async def plan_one(uow: UnitOfWork, found: SurveyPlan, questionnaire: Questionnaire, happened: Occurrence) -> None:
    """Invites whoever it happened to by one plan, inside an open unit of work, where it is in the plan's sample."""
    if planning.is_sampled(str(found.plan_id), happened.key, found.sample_permille):
        await _invite(uow, found, questionnaire, happened)


async def _invite(uow: UnitOfWork, found: SurveyPlan, questionnaire: Questionnaire, happened: Occurrence) -> None:
    due = await _due(uow, found, happened)
    if planning.is_old(due, uow.now):
        return
    values = _values(uow, found, questionnaire, happened)
    values["wave"] = await repository.wave_of(uow.session, found.questionnaire_id)
    period = planning.period_of(due)
    by_call = found.way == kinds.BY_CALL
    if by_call:  # when to call is the task's
        values["channel"] = kinds.CALL
    moment = None if by_call else due
    if not await invitations.add_once(uow.session, {**values, "due_time": moment, "quota_period": period}):
        return
    if found.dealer_quota and not await repository.reserve(uow.session, found, happened.dealer_id, period):
        await uow.session.flush()
        row: Any = await invitations.lock(uow.session, EVERYTHING, values["invitation_id"])
        row.state, row.reason, row.quota_period = kinds.NOT_SENT, OVER_QUOTA, None
    elif by_call:
        queueing.queue(uow, values, found, due)


async def _due(uow: UnitOfWork, found: SurveyPlan, happened: Occurrence) -> datetime:
    if happened.day is not None:
        zone = await repository.zone_of(uow.session, happened.dealer_id) if happened.dealer_id else ""
        return planning.due_on(happened.day, found.delay_days, zone)
    return planning.due_after(happened.moment or uow.now, found.delay_days)


def _values(uow: UnitOfWork, found: SurveyPlan, questionnaire: Questionnaire, happened: Occurrence) -> dict[str, Any]:
    return {
        "invitation_id": new_uuid(),
        "create_time": uow.now,
        "update_time": uow.now,
        "plan_id": found.plan_id,
        "questionnaire_id": found.questionnaire_id,
        "questionnaire_number": questionnaire.number,
        "customer_id": happened.customer_id,
        "dealer_id": happened.dealer_id,
        "vin": happened.vin,
        "model": happened.model,
        "adviser_staff_id": happened.adviser,
        "trigger": happened.trigger,
        "occurrence": happened.key,
        "about_case_id": happened.case_id,
        "anonymous": bool(questionnaire.document.get("anonymous")),
        "state": kinds.PLANNED,
        "channel": kinds.EMAIL,
    }


async def name_case(*, uow: UnitOfWork, invitation_id: uuid.UUID, case_id: uuid.UUID) -> None:
    """Notes which case was opened for an alarm."""
    async with uow:
        await results.name_case(uow.session, invitation_id, case_id)
