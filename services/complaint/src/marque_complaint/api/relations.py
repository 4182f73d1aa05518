"""marque.complaint.v1.CaseRelationService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.complaint.v1 import case_relation_service_pb2 as messages
from servicekit.db.uow import Work
from servicekit.errors import InvalidArgument, PermissionDenied
from servicekit.rpc.call import Call
from servicekit.scope import family

from marque_complaint.api.knowledge import words_of
from marque_complaint.api.scoping import seen
from marque_complaint.errors import CaseMacroNotFound
from marque_complaint.mapping import cases
from marque_complaint.mapping import relations as mapping
from marque_complaint.mapping import tools as tool_mapping
from marque_complaint.repository import relations as repository
from marque_complaint.repository import scope as scopes
from marque_complaint.repository import tools
from marque_complaint.rules import repeats
from marque_complaint.usecases import relating, running

_MOST_ALIKE = 20


class CaseRelationApi:
    """marque.complaint.v1.CaseRelationService."""

    service = "marque.complaint.v1.CaseRelationService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def MergeCase(self, request: Any, call: Call) -> Any:
        case = await seen(self._work, call, request.case_id)
        kept = await seen(self._work, call, request.into_case_id)
        return await relating.merge(
            uow=self._work(call, cases.rendered(call)),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            case_id=case["case_id"],
            into=kept["case_id"],
            families=(await self._family(case), await self._family(kept)),
            etag=request.etag,
        )

    async def SplitCase(self, request: Any, call: Call) -> Any:
        return await relating.split(
            uow=self._work(call, cases.rendered(call)),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            case_id=uuid.UUID(request.case_id),
            told=mapping.second_matter(request),
            etag=request.etag,
        )

    async def ListSimilarCases(self, request: Any, call: Call) -> Any:
        row = await seen(self._work, call, request.case_id)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        family = await self._family(row)
        mine, render = repeats.Told.of(row), cases.case_for(call)
        found = []
        for other in await repository.candidates(self._work.reader, scope, row, sorted(family)):
            score, reasons = repeats.alike(mine, repeats.Told.of(other), family)
            if reasons:
                found.append((score, reasons, other))
        found.sort(key=lambda one: (-one[0], one[2]["case_id"]))
        alike = [
            messages.SimilarCase(case=render(other), score=score, reasons=reasons)
            for score, reasons, other in found[:_MOST_ALIKE]
        ]
        return messages.ListSimilarCasesResponse(cases=alike)

    async def RunCaseActions(self, request: Any, call: Call) -> Any:
        told = mapping.actions_of(await self._actions(request))
        for verb, _, _ in told:
            if not call.principal.may(mapping.permission_of(verb)):
                raise PermissionDenied(permission=mapping.permission_of(verb))
        actions = [
            running.Action(
                verb, given, await words_of(self._work, call, template, request.language) if template else ""
            )
            for verb, given, template in told
        ]
        return await running.run(
            uow=self._work(call, mapping.outcomes),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            case_ids=[uuid.UUID(one) for one in request.case_ids],
            actions=actions,
        )

    async def _actions(self, request: Any) -> Any:
        """The verbs of a request, its own or those of its macro. Raises InvalidArgument, CaseMacroNotFound."""
        if bool(request.actions) == bool(request.macro_code):
            raise InvalidArgument.of("actions", "ACTIONS_MISSING", "Give either actions or a macro.")
        if not request.macro_code:
            return request.actions
        macro = await tools.macro(self._work.reader, request.macro_code)
        if macro is None:
            raise CaseMacroNotFound()
        return tool_mapping.actions_of(macro)

    async def _family(self, row: Any) -> set[uuid.UUID]:
        """Every id of a case's person; empty where nobody is known."""
        return set(await family(self._work.reader, row["customer_id"])) if row["customer_id"] else set()
