"""marque.survey.v1.SurveyPlanService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.survey.v1 import survey_plan_service_pb2 as rpc
from servicekit import fields
from servicekit.db.query import Order
from servicekit.db.uow import Work
from servicekit.errors import InvalidArgument
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call

from marque_survey.errors import SurveyPlanNotFound
from marque_survey.mapping import plans as mapping
from marque_survey.repository import plans as repository
from marque_survey.usecases import plans as usecases


class SurveyPlanApi:
    """marque.survey.v1.SurveyPlanService."""

    service = "marque.survey.v1.SurveyPlanService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def CreateSurveyPlan(self, request: Any, call: Call) -> Any:
        values = mapping.new_plan(request.plan)
        return await usecases.create(uow=self._work(call, mapping.rendered), values=values)

    async def GetSurveyPlan(self, request: Any, call: Call) -> Any:
        row = await repository.get(self._work.reader, uuid.UUID(request.plan_id))
        if row is None:
            raise SurveyPlanNotFound()
        return mapping.message_of(row)

    async def ListSurveyPlans(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        order = Order.of(request.order_by, "create_time desc", "plan_id")
        after = page_key(page, moment, uuid.UUID)
        rows = await repository.list_rows(self._work.reader, request.active, order, page, after)
        found, token = page.cut(rows, lambda row: (row["create_time"], str(row["plan_id"])))
        return rpc.ListSurveyPlansResponse(plans=[mapping.message_of(row) for row in found], next_page_token=token)

    async def UpdateSurveyPlan(self, request: Any, call: Call) -> Any:
        return await usecases.update(
            uow=self._work(call, mapping.rendered),
            plan_id=uuid.UUID(request.plan.plan_id),
            values=mapping.changes(request),
            etag=request.plan.etag,
        )

    async def StartSurveyWave(self, request: Any, call: Call) -> Any:
        name = request.name.strip()
        if not name:
            raise InvalidArgument.of("name", "NAME_MISSING", "Give a name.")
        questionnaire_id = uuid.UUID(request.questionnaire_id)
        uow = self._work(call, lambda made: mapping.wave_message(fields.row_of(made)))
        return await usecases.start_wave(uow=uow, questionnaire_id=questionnaire_id, name=name)

    async def ListSurveyWaves(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = page_key(page, int)
        before = after[0] if after is not None else None
        rows = await repository.list_waves(self._work.reader, uuid.UUID(request.questionnaire_id), page.size, before)
        found, token = page.cut(rows, lambda row: (row["number"],))
        return rpc.ListSurveyWavesResponse(waves=[mapping.wave_message(row) for row in found], next_page_token=token)
