"""Invitations that a person makes, and those that are sent again."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_survey import events
from marque_survey.errors import InvitationNotFound
from marque_survey.models import Invitation
from marque_survey.repository import invitations as repository
from marque_survey.repository import plans as waves
from marque_survey.repository import questionnaires
from marque_survey.repository.scope import Scope
from marque_survey.rules import kinds
from marque_survey.usecases import plans, queueing

EXPIRE_DAYS = 14


async def create(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Invites somebody: due at once by e-mail or phone, or as good as sent where staff hand over the link."""
    async with uow:
        number = await plans.published(uow, values["questionnaire_id"])
        asked = await questionnaires.version(uow.session, values["questionnaire_id"], number)
        made = Invitation(**values, questionnaire_number=number, trigger=kinds.BY_HAND, state=kinds.PLANNED)
        made.wave = await waves.wave_of(uow.session, made.questionnaire_id)
        made.anonymous = bool(asked is not None and asked.document.get("anonymous"))
        if made.channel == kinds.LINK:
            made.state, made.send_time, made.send_count = kinds.SENT, uow.now, 1
            made.expire_time = uow.now + timedelta(days=EXPIRE_DAYS)
        elif made.channel == kinds.EMAIL:
            made.due_time = uow.now
        uow.add(made)
        await uow.flush()
        if made.channel == kinds.CALL:
            facts = {"invitation_id": made.invitation_id, "dealer_id": made.dealer_id, "anonymous": made.anonymous}
            queueing.queue(uow, facts, None, uow.now)
        if made.channel == kinds.LINK:
            uow.emit(events.survey_invited(made), of=made)
        uow.audit("create", "invitation", str(made.invitation_id))
        return await uow.answer(made)


async def resend(*, uow: UnitOfWork, scope: Scope, invitation_id: uuid.UUID, etag: str) -> Any:
    """Makes an invitation due again. Raises InvitationNotFound, InvitationNotResendable, EtagMismatch."""
    async with uow:
        row = await repository.lock(uow.session, scope, invitation_id)
        if row is None:
            raise InvitationNotFound()
        row.check_etag(etag)
        row.resend(uow.now)
        await uow.flush()
        uow.audit("resend", "invitation", str(invitation_id), ("state",))
        return await uow.answer(row)
