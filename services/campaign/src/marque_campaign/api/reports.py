"""marque.campaign.v1.CampaignReportService."""

from __future__ import annotations

from typing import Any

from servicekit.db.uow import Work
from servicekit.rpc.call import Call

from marque_campaign.api.scoping import seen
from marque_campaign.errors import CampaignNotFound
from marque_campaign.mapping import experiments as mapping
from marque_campaign.mapping import invitations
from marque_campaign.repository import lists, offers
from marque_campaign.repository import reports as repository


class CampaignReportApi:
    """marque.campaign.v1.CampaignReportService."""

    service = "marque.campaign.v1.CampaignReportService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def GetCampaignReport(self, request: Any, call: Call) -> Any:
        row = await seen(self._work, call, lists.CAMPAIGNS, request.campaign_id, CampaignNotFound)
        reader, key = self._work.reader, row["campaign_id"]
        arms = await repository.arms(reader, key)
        groups = sum(one["drawn"] for one in arms), await repository.held_out(reader, key)
        trial = await repository.trial(reader, key)
        made = mapping.report(row, arms, await repository.responses(reader, key), trial, groups)
        if invitations.document(row["offer"]) is not None:
            invitations.add_offer(made, row, *await offers.counts(reader, key))
        return made
