"""marque.campaign.v1.MarketingPlanService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.campaign.v1 import marketing_plan_service_pb2 as messages
from servicekit import fields
from servicekit.db.uow import UnitOfWork, Work
from servicekit.rpc.call import Call

from marque_campaign.api.scoping import owner_of, page_of_rows, seen
from marque_campaign.errors import MarketingPlanNotFound
from marque_campaign.mapping import plan as mapping
from marque_campaign.mapping.templates import document
from marque_campaign.repository import lists as rows
from marque_campaign.repository import plan as repository
from marque_campaign.repository import scope as scopes
from marque_campaign.rules import plan
from marque_campaign.usecases import plan as usecases
from marque_campaign.usecases.segments import Days


class MarketingPlanApi:
    """marque.campaign.v1.MarketingPlanService."""

    service = "marque.campaign.v1.MarketingPlanService"

    def __init__(self, work: Work, days: Days) -> None:
        self._work = work
        self._days = days

    async def CreateMarketingPlan(self, request: Any, call: Call) -> Any:
        scope, asked = await scopes.visible_to(self._work.reader, call.principal), request.marketing_plan
        values = mapping.new_plan(asked)
        values["dealer_id"] = await owner_of(self._work, scope, asked.dealer_id, "marketing_plan.dealer_id")
        return await usecases.create(uow=self._write(call), values=values)

    async def GetMarketingPlan(self, request: Any, call: Call) -> Any:
        return mapping.plan_message(await self._seen(request.marketing_plan_id, call))

    async def ListMarketingPlans(self, request: Any, call: Call) -> Any:
        found, token = await page_of_rows(self._work, call, rows.MARKETING_PLANS, request)
        plans = [mapping.plan_message(row) for row in found]
        return messages.ListMarketingPlansResponse(marketing_plans=plans, next_page_token=token)

    async def UpdateMarketingPlan(self, request: Any, call: Call) -> Any:
        asked = request.marketing_plan
        row = await self._seen(asked.marketing_plan_id, call)
        return await usecases.update(
            uow=self._write(call),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            plan_id=row["marketing_plan_id"],
            values=mapping.changes(asked, request.update_mask, row),
            version=row["version"],
            etag=asked.etag,
        )

    async def GetMarketingPlanReport(self, request: Any, call: Call) -> Any:
        row, reader, zone = await self._seen(request.marketing_plan_id, call), self._work.reader, self._days.zone
        found = await usecases.figures(reader, row, document(row, "lines"), zone)
        days = plan.span(row["first_month"], row["last_month"])
        return mapping.report(row, *found, await repository.calendar(reader, row["dealer_id"], days, zone))

    async def RecordOutsideSpends(self, request: Any, call: Call) -> Any:
        scope, told = await scopes.visible_to(self._work.reader, call.principal), mapping.spends(request)
        dealer = await owner_of(self._work, scope, request.dealer_id, "dealer_id")
        return await usecases.record(uow=self._work(call, mapping.recorded), dealer=dealer, spends=told)

    async def _seen(self, key: str, call: Call) -> Any:
        return await seen(self._work, call, rows.MARKETING_PLANS, str(uuid.UUID(key)), MarketingPlanNotFound)

    def _write(self, call: Call) -> UnitOfWork:
        return self._work(call, lambda made: mapping.plan_message(fields.row_of(made)))
