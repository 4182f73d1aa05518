"""What is said about cases. A word of staff to the customer is an update; one of the customer ends the waiting for them."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_complaint.errors import CaseThreadFull
from marque_complaint.models import CaseMessage, CaseNote
from marque_complaint.repository.scope import Scope
from marque_complaint.rules import kinds
from marque_complaint.usecases import common, relating

MOST = 1000
"""Messages, and notes, of one case: more are no conversation but machines that answer each other."""


async def add_message(*, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, text: str) -> Any:
    """Adds a word to the thread."""
    async with uow:
        case = await relating.where_it_goes_on(uow, await common.found(uow, scope, case_id))
        if case.message_count >= MOST:
            raise CaseThreadFull(most=MOST)
        case.message_count += 1
        author = kinds.BY_CUSTOMER if scope.customers else kinds.BY_STAFF
        staff = common.staff_of(uow)
        made = CaseMessage(case_id=case.case_id, author=author, staff_id=staff, text=text, create_time=uow.now)
        uow.add(made)
        if author == kinds.BY_STAFF:
            common.write_down(uow, case, "UPDATED")
        else:
            if case.waiting == kinds.CUSTOMER:
                case.do("resume")
                common.write_down(uow, case, "RESUMED", "CUSTOMER_WROTE")
            common.write_down(uow, case, "CUSTOMER_WROTE")
        if case.policy_version and case.close_time is None:
            await common.run_clocks(uow, case)
        await uow.flush()
        uow.audit("add", "case_message", str(made.message_id))
        return await uow.answer(made)


async def add_note(*, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, text: str) -> Any:
    """Adds a note."""
    async with uow:
        case = await common.found(uow, scope, case_id)
        if case.note_count >= MOST:
            raise CaseThreadFull(most=MOST)
        case.note_count += 1
        made = CaseNote(case_id=case_id, staff_id=common.staff_of(uow), text=text, create_time=uow.now)
        uow.add(made)
        await uow.flush()
        uow.audit("add", "case_note", str(made.note_id))
        return await uow.answer(made)
