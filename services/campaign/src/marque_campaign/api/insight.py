"""marque.campaign.v1.CampaignInsightService."""

from __future__ import annotations

from typing import Any

from servicekit import fields
from servicekit.db.uow import Work
from servicekit.rpc.call import Call
from servicekit.rpc.underway import Underway

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

    def __init__(self, work: Work, learner: Learner, days: Days, underway: Underway) -> None:
        self._work = work
        self._learner = learner
        self._days = days
        self._underway = underway

    async def GetResponderProfile(self, request: Any, call: Call) -> Any:
        return mapping.profile(await self._profile(request, await self._seen(request, call)))

    async def FindLookalikes(self, request: Any, call: Call) -> Any:
        campaign = await self._seen(request, call)
        return await self._underway.join(call, lambda: self._find(request, call, campaign))

    async def _find(self, request: Any, call: Call, campaign: Any) -> Any:
        await self._work.recall(call)
        found = await self._profile(request, campaign)
        consent = mapping.consent_of(campaign["purpose"], campaign["channel"])
        people = await usecases.alike(self._work, found, consent, self._days, request.people_count)
        name = request.name.strip() or campaign["name"]
        write = self._work(call, lambda made: list_mapping.list_message(fields.row_of(made)))
        return await usecases.keep(uow=write, name=name, campaign_id=found.campaign_id, people=people)

    async def _seen(self, request: Any, call: Call) -> Any:
        return await seen(self._work, call, lists.CAMPAIGNS, request.campaign_id, CampaignNotFound)

    async def _profile(self, request: Any, campaign: Any) -> usecases.Profile:
        return await usecases.profile(self._work, self._learner, campaign, request.response, self._days)
