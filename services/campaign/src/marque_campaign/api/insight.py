"""marque.campaign.v1.CampaignInsightService."""

from __future__ import annotations

from typing import Any

from servicekit import fields
from servicekit.db.uow import Work
from servicekit.rpc.call import Call

from marque_campaign.api.scoping import seen
from marque_campaign.clients.learner import Learner
from marque_campaign.errors import CampaignNotFound
from marque_campaign.mapping import insight as mapping
from marque_campaign.mapping import lists as list_mapping
from marque_campaign.repository import lists
from marque_campaign.usecases import likeness as usecases
from marque_campaign.usecases.segments import Days


class CampaignInsightApi:
    """marque.campaign.v1.CampaignInsightService."""

    service = "marque.campaign.v1.CampaignInsightService"

    def __init__(self, work: Work, learner: Learner, days: Days) -> None:
        self._work = work
        self._learner = learner
        self._days = days

    async def GetResponderProfile(self, request: Any, call: Call) -> Any:
        _, found = await self._profile(request, call)
        return mapping.profile(found)

    async def FindLookalikes(self, request: Any, call: Call) -> Any:
        campaign, found = await self._profile(request, call)
        consent = mapping.consent_of(campaign["purpose"], campaign["channel"])
        people = await usecases.alike(self._work, found, consent, self._days, request.people_count)
        name = request.name.strip() or campaign["name"]
        write = self._work(call, lambda made: list_mapping.list_message(fields.row_of(made)))
        return await usecases.keep(uow=write, name=name, campaign_id=found.campaign_id, people=people)

    async def _profile(self, request: Any, call: Call) -> tuple[Any, usecases.Profile]:
        campaign = await seen(self._work, call, lists.CAMPAIGNS, request.campaign_id, CampaignNotFound)
        return campaign, await usecases.profile(self._work, self._learner, campaign, request.response, self._days)
