"""marque.complaint.v1.CaseTaxonomyService and CaseCountService."""

from __future__ import annotations

from typing import Any

from marque.complaint.v1 import case_count_service_pb2, case_taxonomy_service_pb2
from servicekit.db.uow import Work
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call

from marque_complaint.errors import CaseSuggesterNotFound
from marque_complaint.mapping import learning as mapping
from marque_complaint.repository import exposure, facts
from marque_complaint.repository import learning as repository
from marque_complaint.repository import scope as scopes
from marque_complaint.rules import exposure as against
from marque_complaint.usecases import suggesting, terms

_PROPOSALS = 3
_LINES = 1000


class CaseTaxonomyApi:
    """marque.complaint.v1.CaseTaxonomyService."""

    service = "marque.complaint.v1.CaseTaxonomyService"

    def __init__(self, work: Work, suggester: suggesting.Suggester) -> None:
        self._work = work
        self._suggester = suggester

    async def ListCaseTerms(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        (after,) = page_key(page, str) or (None,)
        rows = await repository.list_terms(
            self._work.reader, request.scheme, request.under, request.show_retired, page, after
        )
        shown, token = page.cut(rows, lambda row: (row["code"],))
        found = [mapping.term_message(row, facts.from_json(row["names"])) for row in shown]
        return case_taxonomy_service_pb2.ListCaseTermsResponse(terms=found, next_page_token=token)

    async def PutCaseTerms(self, request: Any, call: Call) -> Any:
        return await terms.put(uow=self._work(call, mapping.put_answer), told=mapping.told_terms(request.terms))

    async def SuggestCaseTerms(self, request: Any, call: Call) -> Any:
        most = request.most or _PROPOSALS
        return mapping.suggestions(*await suggesting.suggest(self._work.reader, self._suggester, request.text, most))

    async def TrainCaseSuggester(self, request: Any, call: Call) -> Any:
        return await suggesting.ask(uow=self._work(call, mapping.asked_suggester))

    async def GetCaseSuggester(self, request: Any, call: Call) -> Any:
        row = await repository.suggester(self._work.reader, request.version)
        if row is None:
            raise CaseSuggesterNotFound()
        return mapping.suggester_message(row, facts.from_json(row["measures"]))


class CaseCountApi:
    """marque.complaint.v1.CaseCountService."""

    service = "marque.complaint.v1.CaseCountService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def CountCases(self, request: Any, call: Call) -> Any:
        months = mapping.months(request)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        most = request.most or _LINES
        rows = await facts.count(
            self._work.reader, scope, months, list(request.group_by), mapping.count_filters(request), most
        )
        lines = [dict(row.items()) for row in rows[:most]]
        if request.with_exposure:
            groups, narrowed = list(request.group_by), mapping.count_filters(request)
            told = await exposure.count(self._work.reader, scope, months, groups, narrowed)
            lines = against.beside(lines, told, groups)
        counts = [mapping.count_message(line) for line in lines]
        return case_count_service_pb2.CountCasesResponse(counts=counts, truncated=len(rows) > most)

    async def CompareChurn(self, request: Any, call: Call) -> Any:
        rows = await exposure.churn(self._work.reader, mapping.months(request))
        return case_count_service_pb2.CompareChurnResponse(lines=[mapping.churn_message(row) for row in rows])
