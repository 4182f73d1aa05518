"""marque.campaign.v1.CampaignService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.campaign.v1 import campaign_service_pb2
from servicekit import fields
from servicekit.db.uow import UnitOfWork, Work
from servicekit.rpc.call import Call

from marque_campaign.api.scoping import owner_of, page_of_rows, seen
from marque_campaign.errors import CampaignNotFound
from marque_campaign.mapping import campaigns as mapping
from marque_campaign.mapping import journeys, sends
from marque_campaign.repository import ledger, runs
from marque_campaign.repository import lists as repository
from marque_campaign.repository import scope as scopes
from marque_campaign.usecases import campaigns as usecases


class CampaignApi:
    """marque.campaign.v1.CampaignService."""

    service = "marque.campaign.v1.CampaignService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def CreateCampaign(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        values = mapping.new_campaign(request.campaign)
        values["dealer_id"] = await owner_of(self._work, scope, request.campaign.dealer_id, "campaign.dealer_id")
        return await usecases.create(uow=self._write(call), scope=scope, values=values)

    async def GetCampaign(self, request: Any, call: Call) -> Any:
        row = await seen(self._work, call, repository.CAMPAIGNS, request.campaign_id, CampaignNotFound)
        counts = await ledger.counts(self._work.reader, row["campaign_id"])
        message = sends.add_counts(mapping.campaign_message(row), counts)
        return journeys.add_run_counts(message, row, await runs.counts(self._work.reader, row["campaign_id"]))

    async def ListCampaigns(self, request: Any, call: Call) -> Any:
        filters = {"state": request.state, "kind": request.kind}
        rows, token = await page_of_rows(self._work, call, repository.CAMPAIGNS, request, **filters)
        found = [mapping.campaign_message(row) for row in rows]
        return campaign_service_pb2.ListCampaignsResponse(campaigns=found, next_page_token=token)

    async def UpdateCampaign(self, request: Any, call: Call) -> Any:
        return await usecases.update(
            uow=self._write(call),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            campaign_id=uuid.UUID(request.campaign.campaign_id),
            values=mapping.changes(request.campaign, request.update_mask),
            etag=request.campaign.etag,
        )

    async def SubmitCampaign(self, request: Any, call: Call) -> Any:
        return await usecases.submit(**await self._verb(request, call))

    async def SendBackCampaign(self, request: Any, call: Call) -> Any:
        return await usecases.send_back(**await self._verb(request, call))

    async def ApproveCampaign(self, request: Any, call: Call) -> Any:
        return await usecases.approve(**await self._verb(request, call))

    async def ScheduleCampaign(self, request: Any, call: Call) -> Any:
        start = fields.as_moment(request, "start_time")
        return await usecases.schedule(**await self._verb(request, call), start=start)

    async def PauseCampaign(self, request: Any, call: Call) -> Any:
        return await usecases.pause(**await self._verb(request, call))

    async def ResumeCampaign(self, request: Any, call: Call) -> Any:
        return await usecases.resume(**await self._verb(request, call))

    async def CancelCampaign(self, request: Any, call: Call) -> Any:
        return await usecases.cancel(**await self._verb(request, call))

    def _write(self, call: Call) -> UnitOfWork:
        return self._work(call, lambda made: mapping.campaign_message(fields.row_of(made)))

    async def _verb(self, request: Any, call: Call) -> dict[str, Any]:
        """What every verb is given."""
        return {
            "uow": self._write(call),
            "scope": await scopes.visible_to(self._work.reader, call.principal),
            "campaign_id": uuid.UUID(request.campaign_id),
            "etag": request.etag,
        }
