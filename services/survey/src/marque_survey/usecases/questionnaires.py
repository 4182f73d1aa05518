"""Drafts and versions of questionnaires."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_survey.errors import QuestionnaireNotFound
from marque_survey.models import Questionnaire
from marque_survey.repository import questionnaires as repository


async def create(*, uow: UnitOfWork, values: dict[str, Any], action: str = "create") -> Any:
    """Makes a draft."""
    async with uow:
        made = Questionnaire(**values)
        uow.add(made)
        await uow.flush()
        uow.audit(action, "questionnaire", str(made.questionnaire_id))
        return await uow.answer(made)


async def update(*, uow: UnitOfWork, questionnaire_id: uuid.UUID, values: dict[str, Any], etag: str) -> Any:
    """Changes a draft. Raises QuestionnaireNotFound, EtagMismatch."""
    async with uow:
        row = await _found(uow, questionnaire_id, etag)
        changed = row.change(values)
        await uow.flush()
        uow.audit("update", "questionnaire", str(questionnaire_id), tuple(changed))
        return await uow.answer(row)


async def publish(*, uow: UnitOfWork, questionnaire_id: uuid.UUID, etag: str) -> Any:
    """Publishes a draft as the next version. Raises QuestionnaireNotFound, QuestionnaireEmpty, QuestionnaireUnchanged, EtagMismatch."""
    async with uow:
        row = await _found(uow, questionnaire_id, etag)
        uow.add(row.publish(uow.principal.subject, uow.now))
        await uow.flush()
        uow.audit("publish", "questionnaire", str(questionnaire_id), ("number",))
        return await uow.answer(row)


async def _found(uow: UnitOfWork, questionnaire_id: uuid.UUID, etag: str) -> Questionnaire:
    row = await repository.lock(uow.session, questionnaire_id)
    if row is None:
        raise QuestionnaireNotFound()
    row.check_etag(etag)
    return row
