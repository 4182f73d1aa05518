"""Plans: when whom is asked."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_survey.errors import QuestionnaireNotFound, QuestionnaireNotPublished, SurveyPlanNotFound
from marque_survey.models import SurveyPlan, SurveyWave
from marque_survey.repository import plans as repository
from marque_survey.repository import questionnaires


async def create(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Makes a plan. Raises QuestionnaireNotFound, QuestionnaireNotPublished."""
    async with uow:
        await published(uow, values["questionnaire_id"])
        made = SurveyPlan(**values)
        uow.add(made)
        await uow.flush()
        uow.audit("create", "survey_plan", str(made.plan_id))
        return await uow.answer(made)


async def update(*, uow: UnitOfWork, plan_id: uuid.UUID, values: dict[str, Any], etag: str) -> Any:
    """Changes a plan. Raises SurveyPlanNotFound, EtagMismatch."""
    async with uow:
        row = await repository.lock(uow.session, plan_id)
        if row is None:
            raise SurveyPlanNotFound()
        row.check_etag(etag)
        changed = row.change(values)
        await uow.flush()
        uow.audit("update", "survey_plan", str(plan_id), tuple(changed))
        return await uow.answer(row)


async def start_wave(*, uow: UnitOfWork, questionnaire_id: uuid.UUID, name: str) -> Any:
    """Begins the next wave of a questionnaire. Raises QuestionnaireNotFound, QuestionnaireNotPublished."""
    async with uow:
        await questionnaires.lock(uow.session, questionnaire_id)  # so that of two at once each gets a number of its own
        await published(uow, questionnaire_id)
        number = await repository.wave_of(uow.session, questionnaire_id) + 1
        made = SurveyWave(questionnaire_id=questionnaire_id, number=number, name=name, start_time=uow.now)
        uow.add(made)
        await uow.flush()
        uow.audit("start_wave", "questionnaire", str(questionnaire_id))
        return await uow.answer(made)


async def published(uow: UnitOfWork, questionnaire_id: uuid.UUID) -> int:
    """Returns the latest version of a questionnaire. Raises QuestionnaireNotFound, QuestionnaireNotPublished."""
    number = await repository.published_number(uow.session, questionnaire_id)
    if number is None:
        raise QuestionnaireNotFound()
    if not number:
        raise QuestionnaireNotPublished()
    return number
