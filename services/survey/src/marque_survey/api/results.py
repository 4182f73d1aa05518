"""marque.survey.v1.SurveyResultService."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from marque.survey.v1 import survey_result_service_pb2 as rpc
from servicekit.db.uow import Work
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call

from marque_survey.mapping import common
from marque_survey.mapping import results as mapping
from marque_survey.repository import results as repository
from marque_survey.repository import scope as scopes
from marque_survey.rules import ranking
from marque_survey.usecases import scoring

_BY_DEALER = 1


class SurveyResultApi:
    """marque.survey.v1.SurveyResultService."""

    service = "marque.survey.v1.SurveyResultService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def GetSurveyResults(self, request: Any, call: Call) -> Any:
        filters = mapping.filters(request)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        groups = await repository.results(self._work.reader, scope, filters, request.grouping)
        return rpc.GetSurveyResultsResponse(results=[mapping.result(group) for group in groups])

    async def RankDealers(self, request: Any, call: Call) -> Any:
        filters = mapping.filters(request)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        groups = await repository.results(self._work.reader, scope, filters, _BY_DEALER)
        places = ranking.rank((one for one in groups if one.key), request.minimum_count or ranking.FEW)
        return rpc.RankDealersResponse(dealers=[mapping.ranked(place) for place in places])

    async def ListSurveyAlarms(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = page_key(page, moment, uuid.UUID)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        dealer = common.uuid_or_none(request.dealer_id)
        rows = await repository.list_alarms(self._work.reader, scope, dealer, page, after)
        found, token = page.cut(rows, lambda row: (row["raise_time"], str(row["invitation_id"])))
        return rpc.ListSurveyAlarmsResponse(alarms=[mapping.alarm(row) for row in found], next_page_token=token)

    async def ListWeightSets(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = page_key(page, str, str, date.fromisoformat)
        rows = await repository.list_sets(self._work.reader, request.market, page, after)
        found, token = page.cut(rows, lambda row: (row["kind"], row["market"], row["effective_date"].isoformat()))
        return rpc.ListWeightSetsResponse(
            weight_sets=[mapping.set_message(row) for row in found], next_page_token=token
        )

    async def CreateWeightSet(self, request: Any, call: Call) -> Any:
        values = mapping.new_set(request.weight_set)
        uow = self._work(call, lambda made: mapping.set_message(common.row_of(made)))
        return await scoring.add(uow=uow, values=values)
