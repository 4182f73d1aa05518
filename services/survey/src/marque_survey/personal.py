"""A customer's rights over invitations and answers.

What is kept: how a response scored, where and when, without the person and their words (a fact of the dealer); what a legal hold names.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence

from servicekit.db.uow import UnitOfWork
from servicekit.personal import Erasure, PersonalRecord, Retained
from sqlalchemy.ext.asyncio import AsyncSession

from marque_survey.repository import personal as repository
from marque_survey.repository import sightings

INVITATION, ANSWER, CALL = "survey.invitation", "survey.answer", "survey.call"
SIGHTING = "survey.car_sighting"


class SurveyPersonalData:
    """Implements `servicekit.personal.PersonalData`."""

    async def export(self, session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> AsyncIterator[PersonalRecord]:
        """Yields everything held of the person."""
        kinds = (
            (INVITATION, repository.invitations),
            (ANSWER, repository.answers),
            (CALL, repository.calls),
            (SIGHTING, sightings.of_customers),
        )
        for kind, read in kinds:
            async for key, fields in read(session, customer_ids):
                yield PersonalRecord(kind, key, fields)

    async def erase(self, uow: UnitOfWork, customer_ids: Sequence[uuid.UUID], held_kinds: frozenset[str]) -> Erasure:
        """Takes the person out of their invitations and deletes their answers. Doing it again changes nothing."""
        done = Erasure()
        if held_kinds & {INVITATION, ANSWER, "*"}:
            if count := await repository.count(uow.session, customer_ids):
                done.retained.append(Retained(INVITATION, count, "LEGAL_HOLD"))
            return done
        if count := await sightings.forget(uow.session, customer_ids):
            done.erased[SIGHTING] = count
        if erased := await repository.erase(uow.session, customer_ids, uow.now):
            done.erased[INVITATION] = len(erased)
            done.named.extend(erased)
        return done
