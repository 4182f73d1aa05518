"""Weights: added, and every response that they fit scored by them too, some in a transaction."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_survey import events
from marque_survey.models import WeightSet
from marque_survey.repository import factors, invitations
from marque_survey.repository import results as repository
from marque_survey.rules import document as documents
from marque_survey.rules import flow, kinds, scores

WORK = "survey-weights"
AT_ONCE = 200


async def add(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Adds a set of weights. Raises WeightSetExists."""
    async with uow:
        made = WeightSet(**values, create_time=uow.now)
        uow.add(made)
        await uow.flush()
        await uow.schedule(WORK, str(made.weight_set_id), uow.now)
        uow.audit("create", "weight_set", str(made.weight_set_id))
        return await uow.answer(made)


async def apply(uow: UnitOfWork, key: str) -> datetime | None:
    """Scores the next responses by a set of weights; `key` is its id, and after a colon the response reached before."""
    name, _, reached = key.partition(":")
    async with uow:
        found = await repository.set_of(uow.session, uuid.UUID(name))
        if found is None:
            return None
        weights = repository.weights_of(found)
        after = uuid.UUID(reached) if reached else None
        rows = await repository.unscored(uow.session, found, after, AT_ONCE)
        for invitation, asked in rows:
            answers = await invitations.answers_of(uow.session, invitation.invitation_id)
            document = documents.read(asked.document)
            made = scores.scores(document, answers, [weights])
            # Of responses from before steps were kept, they are kept now.
            await factors.keep(uow.session, invitation, scores.steps(document, flow.counted(document, answers)))
            index = {one: value for one, value in made.items() if one[0] == kinds.INDEX}
            if index:
                await repository.keep_scores(uow.session, repository.score_rows(invitation, index))
                uow.emit(events.survey_scored(invitation, index), of=invitation)
        if len(rows) == AT_ONCE:
            await uow.schedule(WORK, f"{name}:{rows[-1][0].invitation_id}", uow.now)
        return None
