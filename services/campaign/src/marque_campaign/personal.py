"""A customer's rights over the lists on which they stand."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence

from servicekit.db.uow import UnitOfWork
from servicekit.personal import LEGAL_HOLD, Erasure, PersonalRecord, Retained
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.repository import personal as repository

MEMBERSHIP = "campaign.audience_list_member"


class CampaignPersonalData:
    """Implements `servicekit.personal.PersonalData`."""

    async def export(self, session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> AsyncIterator[PersonalRecord]:
        """Yields everything held of the person."""
        async for key, fields in repository.memberships(session, customer_ids):
            yield PersonalRecord(MEMBERSHIP, key, fields)

    async def erase(self, uow: UnitOfWork, customer_ids: Sequence[uuid.UUID], held_kinds: frozenset[str]) -> Erasure:
        """Takes the person off every list. Doing it again changes nothing."""
        done = Erasure()
        if held_kinds & {MEMBERSHIP, "*"}:
            if count := await repository.count_memberships(uow.session, customer_ids):
                done.retained.append(Retained(MEMBERSHIP, count, LEGAL_HOLD))
            return done
        if count := await repository.take_off_lists(uow.session, customer_ids):
            done.erased[MEMBERSHIP] = count
        return done
