"""marque.complaint.v1.CaseThreadService."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from marque.complaint.v1 import case_thread_service_pb2 as messages
from servicekit import fields
from servicekit.db.uow import Work
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call

from marque_complaint.api.scoping import seen
from marque_complaint.mapping import threads as mapping
from marque_complaint.repository import relations
from marque_complaint.repository import scope as scopes
from marque_complaint.repository import threads as repository
from marque_complaint.usecases import threads as usecases


class CaseThreadApi:
    """marque.complaint.v1.CaseThreadService."""

    service = "marque.complaint.v1.CaseThreadService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def AddCaseMessage(self, request: Any, call: Call) -> Any:
        uow = self._work(call, lambda made: mapping.message_of(fields.row_of(made)))
        return await usecases.add_message(uow=uow, **await self._word(request, call))

    async def AddCaseNote(self, request: Any, call: Call) -> Any:
        render = mapping.note_for(call)
        uow = self._work(call, lambda made: render(fields.row_of(made)))
        return await usecases.add_note(uow=uow, **await self._word(request, call))

    async def ListCaseMessages(self, request: Any, call: Call) -> Any:
        rows, token = await self._page(request, call, "case_messages", "message_id")
        found = [mapping.message_of(row) for row in rows]
        return messages.ListCaseMessagesResponse(messages=found, next_page_token=token)

    async def ListCaseNotes(self, request: Any, call: Call) -> Any:
        rows, token = await self._page(request, call, "case_notes", "note_id")
        render: Callable[[Any], Any] = mapping.note_for(call)
        return messages.ListCaseNotesResponse(notes=[render(row) for row in rows], next_page_token=token)

    async def _word(self, request: Any, call: Call) -> dict[str, Any]:
        return {
            "scope": await scopes.visible_to(self._work.reader, call.principal),
            "case_id": uuid.UUID(request.case_id),
            "text": request.text,
        }

    async def _page(self, request: Any, call: Call, table: str, key: str) -> tuple[Sequence[Any], str]:
        page = page_of(request)
        after: Any = page_key(page, moment, uuid.UUID)
        row = await seen(self._work, call, request.case_id)
        cases = await relations.with_merged(self._work.reader, row["case_id"])
        rows = await repository.words(self._work.reader, table, cases, page, after)
        return page.cut(rows, lambda word: (word["create_time"], str(word[key])))
