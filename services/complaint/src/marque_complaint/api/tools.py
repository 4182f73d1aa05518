"""marque.complaint.v1.CaseToolService."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

from marque.complaint.v1 import case_tool_service_pb2 as messages
from servicekit import fields
from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import InvalidArgument
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call
from servicekit.staff import subject_key

from marque_complaint.api.knowledge import words_of
from marque_complaint.mapping import relations
from marque_complaint.mapping import tools as mapping
from marque_complaint.repository import scope as scopes
from marque_complaint.repository import tools as repository
from marque_complaint.usecases import tools as usecases


class CaseToolApi:
    """marque.complaint.v1.CaseToolService."""

    service = "marque.complaint.v1.CaseToolService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def PutCaseMacro(self, request: Any, call: Call) -> Any:
        for _, _, template in relations.actions_of(request.macro.actions, "macro.actions"):
            if template:
                await words_of(self._work, call, template, "")
        return await usecases.put_macro(
            uow=self._work(call, mapping.put_macro),
            code=request.macro.macro_code,
            values=mapping.written_macro(request.macro),
            etag=request.macro.etag,
        )

    async def ListCaseMacros(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        (after,) = page_key(page, str) or (None,)
        rows = await repository.list_macros(self._work.reader, request.show_retired, page, after)
        shown, token = page.cut(rows, lambda row: (row["macro_code"],))
        return messages.ListCaseMacrosResponse(
            macros=[mapping.macro_message(row) for row in shown], next_page_token=token
        )

    async def PutCaseView(self, request: Any, call: Call) -> Any:
        view, values = request.view, mapping.written_view(request.view)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        return await usecases.put_view(
            uow=self._write(call),
            owner_key=subject_key(call.principal.subject),
            view_id=fields.uuid_or_none(view.view_id),
            values={**values, "dealer_id": _house(scope) if view.shared else None},
            etag=view.etag,
        )

    async def ListCaseViews(self, request: Any, call: Call) -> Any:
        page, mine = page_of(request), subject_key(call.principal.subject)
        after = page_key(page, str, uuid.UUID)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        rows = await repository.list_views(self._work.reader, scope, mine, page, after)
        shown, token = page.cut(rows, lambda row: (row["name"], str(row["view_id"])))
        return messages.ListCaseViewsResponse(
            views=[mapping.view_message(row, mine) for row in shown], next_page_token=token
        )

    async def RemoveCaseView(self, request: Any, call: Call) -> Any:
        return await usecases.remove_view(
            uow=self._write(call),
            owner_key=subject_key(call.principal.subject),
            view_id=uuid.UUID(request.view_id),
            etag=request.etag,
        )

    def _write(self, call: Call) -> UnitOfWork:
        render = partial(mapping.view_message, owner_key=subject_key(call.principal.subject))
        return self._work(call, lambda made: render(fields.row_of(made)))


def _house(scope: scopes.Scope) -> uuid.UUID | None:
    """Returns whose people see what the caller shares: None for the maker's. Raises InvalidArgument."""
    if scope.everything:
        return None
    if len(scope.dealers) != 1:
        raise InvalidArgument.of(
            "view.shared", "DEALER_MISSING", "Somebody of several dealers shares with none of them."
        )
    return scope.dealers[0]
