"""Who is asked because of what happened: an invitation for each plan that holds, once for each occurrence, within the dealer's quota."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.ids import new_uuid

from marque_survey.models import Questionnaire, SurveyPlan
from marque_survey.repository import invitations, results
from marque_survey.repository import plans as repository
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


async def plan(*, uow: UnitOfWork, happened: Sequence[Occurrence]) -> None:
    """Invites those to whom it happened by every plan that holds. The same again changes nothing."""
    async with uow:
        for trigger in sorted({one.trigger for one in happened}):
            those = [one for one in happened if one.trigger == trigger]
            for found, questionnaire in await repository.holding(uow.session, trigger):
                await plan_by(uow, found, questionnaire, those)


async def plan_by(
    uow: UnitOfWork, found: SurveyPlan, questionnaire: Questionnaire, happened: Sequence[Occurrence]
) -> None:
    """Invites those to whom it happened by one plan, inside an open unit of work: who is in the plan's sample, as far as quotas reach."""
    rows = await _rows(uow, found, questionnaire, happened)
    new = await invitations.add_once(uow.session, [row for row, _ in rows])
    asked = [(row, due) for row, due in rows if row["invitation_id"] in new]
    if found.dealer_quota and asked:
        asked = await _within_quota(uow, found, asked)
    if found.way == kinds.BY_CALL:
        for row, due in asked:
            queueing.queue(uow, row, found, due)


async def _rows(
    uow: UnitOfWork, found: SurveyPlan, questionnaire: Questionnaire, happened: Sequence[Occurrence]
) -> list[tuple[dict[str, Any], datetime]]:
    """Returns the invitations of a plan's sample, each with the moment to ask; none of what is old news."""
    sample = [one for one in happened if planning.is_sampled(str(found.plan_id), one.key, found.sample_permille)]
    if not sample:
        return []
    dealers = {one.dealer_id for one in sample if one.day is not None and one.dealer_id is not None}
    zones = await repository.zones_of(uow.session, dealers) if dealers else {}
    wave = await repository.wave_of(uow.session, found.questionnaire_id)
    by_call, rows = found.way == kinds.BY_CALL, []
    for one in sample:
        due = _due(uow, found, one, zones)
        if planning.is_old(due, uow.now):
            continue
        row = _values(uow, found, questionnaire, one)
        row |= {"wave": wave, "quota_period": planning.period_of(due), "due_time": None if by_call else due}
        if by_call:  # when to call is the task's
            row["channel"] = kinds.CALL
        rows.append((row, due))
    return rows


async def _within_quota(
    uow: UnitOfWork, found: SurveyPlan, asked: list[tuple[dict[str, Any], datetime]]
) -> list[tuple[dict[str, Any], datetime]]:
    """Takes places of the dealers' quotas in the order of what happened; returns those who have one."""
    wanted = Counter(_place(row) for row, _ in asked)
    free = await repository.reserve(uow.session, found, wanted)
    within, over = [], []
    for row, due in asked:
        place = _place(row)
        if free[place]:
            free[place] -= 1
            within.append((row, due))
        else:
            over.append(row["invitation_id"])
    if over:
        await invitations.leave_out(uow.session, over, OVER_QUOTA)
    return within


def _place(row: dict[str, Any]) -> repository.Place:
    return row["dealer_id"] or repository.NOBODY, row["quota_period"]


def _due(uow: UnitOfWork, found: SurveyPlan, happened: Occurrence, zones: Mapping[uuid.UUID, str]) -> datetime:
    if happened.day is not None:
        zone = zones.get(happened.dealer_id, "") if happened.dealer_id else ""
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
