"""A customer's rights over cases, their threads, notes and files.

What is kept, and why: a case that is open until it is closed (the promise to answer it binds the maker), and what a legal hold names. A
closed case stays as a fact of the product (kind, car without its serial number, component, times) without the person and their words.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence

from servicekit.db.uow import UnitOfWork
from servicekit.personal import Erasure, PersonalRecord, Retained
from sqlalchemy.ext.asyncio import AsyncSession

from marque_complaint.repository import attachments, exposure, facts, goodwill
from marque_complaint.repository import personal as repository
from marque_complaint.usecases import attaching

CASE, MESSAGE, NOTE = "complaint.case", "complaint.case_message", "complaint.case_note"
GOODWILL, ATTACHMENT = "complaint.goodwill", "complaint.case_attachment"


class ComplaintPersonalData:
    """Implements `servicekit.personal.PersonalData`."""

    async def export(self, session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> AsyncIterator[PersonalRecord]:
        """Yields everything held of the person."""
        kept = (
            (CASE, repository.cases),
            (MESSAGE, repository.messages),
            (NOTE, repository.notes),
            (GOODWILL, goodwill.of_customers),
            (ATTACHMENT, attachments.of_customers),
        )
        for kind, read in kept:
            async for key, fields in read(session, customer_ids):
                yield PersonalRecord(kind, key, fields)

    async def erase(self, uow: UnitOfWork, customer_ids: Sequence[uuid.UUID], held_kinds: frozenset[str]) -> Erasure:
        """Takes the person out of closed cases that are not held. Doing it again changes nothing."""
        done = Erasure()
        if held_kinds & {CASE, MESSAGE, NOTE, ATTACHMENT, "*"}:
            if count := await repository.count(uow.session, customer_ids):
                done.retained.append(Retained(CASE, count, "LEGAL_HOLD"))
            return done
        files = await attachments.take_away(uow.session, customer_ids)
        await uow.schedule_all(attaching.REMOVAL, {str(key): uow.now for key in files})
        await exposure.forget_stages(uow.session, customer_ids)
        erased, kept = await repository.anonymise(uow.session, customer_ids, uow.now)
        if erased:
            await facts.mark(uow.session, erased)  # where it happened goes from what is counted, too
            done.erased[CASE] = len(erased)
        if files:
            done.erased[ATTACHMENT] = len(files)
        # What was answered about their words and files names the case or the file, not the person.
        done.named = [*erased, *files]
        if kept:
            done.retained.append(Retained(CASE, kept, "CASE_OPEN"))
        return done
