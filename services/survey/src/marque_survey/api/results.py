"""marque.survey.v1.SurveyResultService."""

from __future__ import annotations

import asyncio
import uuid
from datetime import date
from typing import Any

from marque.survey.v1 import survey_result_service_pb2 as rpc
from servicekit import fields
from servicekit.db.uow import Work
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call

from marque_survey.errors import WeightSetNotFound
from marque_survey.mapping import results as mapping
from marque_survey.repository import factors, texts
from marque_survey.repository import results as repository
from marque_survey.repository import scope as scopes
from marque_survey.rules import drivers, ranking, themes, trend
from marque_survey.usecases import scoring

_BY_DEALER = 1
_SERIES = frozenset({3, 6})  # months and waves follow each other


class SurveyResultApi:
    """marque.survey.v1.SurveyResultService."""

    service = "marque.survey.v1.SurveyResultService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def GetSurveyResults(self, request: Any, call: Call) -> Any:
        filters = mapping.filters(request)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        groups = await repository.results(self._work.reader, scope, filters, request.grouping)
        steps = trend.steps(groups) if request.grouping in _SERIES else [trend.NOTHING] * len(groups)
        found = [mapping.result(group, step) for group, step in zip(groups, steps, strict=True)]
        return rpc.GetSurveyResultsResponse(results=found)

    async def GetSurveyDrivers(self, request: Any, call: Call) -> Any:
        filters = {
            "questionnaire_id": uuid.UUID(request.questionnaire_id),
            "dealer_id": fields.uuid_or_none(request.dealer_id),
            "finish_time_from": fields.as_moment(request, "finish_time_from"),
            "finish_time_to": fields.as_moment(request, "finish_time_to"),
        }
        scope = await scopes.visible_to(self._work.reader, call.principal)
        weights = await factors.weights(self._work.reader, uuid.UUID(request.weight_set_id))
        if weights is None:
            raise WeightSetNotFound()
        rated = await factors.rated(self._work.reader, scope, filters)
        fit = drivers.fit(await factors.rows(self._work.reader, scope, filters), list(rated.keys() & weights.keys()))
        found = [mapping.driver(one) for one in drivers.drivers(weights, rated, fit)]
        return rpc.GetSurveyDriversResponse(drivers=found, regression_count=fit.count, explained=fit.explained)

    async def GetSurveyThemes(self, request: Any, call: Call) -> Any:
        filters = {
            "questionnaire_id": uuid.UUID(request.questionnaire_id),
            "dealer_id": fields.uuid_or_none(request.dealer_id),
            "finish_time_from": fields.as_moment(request, "finish_time_from"),
            "finish_time_to": fields.as_moment(request, "finish_time_to"),
        }
        scope = await scopes.visible_to(self._work.reader, call.principal)
        told = await texts.latest(self._work.reader, scope, filters, request.question_code)
        keywords, found = await asyncio.to_thread(themes.analyse, told)  # a second's work must not hold others up
        return mapping.themes(len(told), keywords, found)

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
        dealer = fields.uuid_or_none(request.dealer_id)
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
        uow = self._work(call, lambda made: mapping.set_message(fields.row_of(made)))
        return await scoring.add(uow=uow, values=values)
