"""A customer's rights over cases, their threads and notes.

What is kept, and why: a case that is open until it is closed (the promise to answer it binds the maker), and what a legal hold names. A
closed case stays as a fact of the product (kind, car without its serial number, component, times) without the person and their words.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence

from servicekit.db.uow import UnitOfWork
from servicekit.personal import Erasure, PersonalRecord, Retained
from sqlalchemy.ext.asyncio import AsyncSession

from marque_complaint.repository import facts
from marque_complaint.repository import personal as repository

CASE, MESSAGE, NOTE = "complaint.case", "complaint.case_message", "complaint.case_note"


class ComplaintPersonalData:
    """Implements `servicekit.personal.PersonalData`."""

    async def export(self, session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> AsyncIterator[PersonalRecord]:
        """Yields everything held of the person."""
        for kind, read in ((CASE, repository.cases), (MESSAGE, repository.messages), (NOTE, repository.notes)):
            async for key, fields in read(session, customer_ids):
                yield PersonalRecord(kind, key, fields)

    async def erase(self, uow: UnitOfWork, customer_ids: Sequence[uuid.UUID], held_kinds: frozenset[str]) -> Erasure:
        """Takes the person out of closed cases that are not held. Doing it again changes nothing."""
        done = Erasure()
        if held_kinds & {CASE, MESSAGE, NOTE, "*"}:
            if count := await repository.count(uow.session, customer_ids):
                done.retained.append(Retained(CASE, count, "LEGAL_HOLD"))
            return done
        erased, kept = await repository.anonymise(uow.session, customer_ids, uow.now)
        if erased:
            await facts.mark(uow.session, erased)  # where it happened goes from what is counted, too
            done.erased[CASE] = len(erased)
        if kept:
            done.retained.append(Retained(CASE, kept, "CASE_OPEN"))
        return done
