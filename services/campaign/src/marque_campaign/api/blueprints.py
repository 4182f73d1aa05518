"""marque.campaign.v1.CampaignBlueprintService."""

from __future__ import annotations

from typing import Any

from marque.campaign.v1 import campaign_blueprint_service_pb2 as messages
from servicekit import fields
from servicekit.db.uow import Work
from servicekit.rpc.call import Call

from marque_campaign.api.scoping import owner_of
from marque_campaign.errors import BlueprintNotFound
from marque_campaign.mapping import blueprints as mapping
from marque_campaign.mapping import campaigns
from marque_campaign.repository import scope as scopes
from marque_campaign.usecases import blueprints as usecases


class CampaignBlueprintApi:
    """marque.campaign.v1.CampaignBlueprintService."""

    service = "marque.campaign.v1.CampaignBlueprintService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def ListCampaignBlueprints(self, request: Any, call: Call) -> Any:
        found = [mapping.blueprint_message(one, request.language) for one in mapping.all_blueprints().values()]
        return messages.ListCampaignBlueprintsResponse(blueprints=found)

    async def CreateCampaignFromBlueprint(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        dealer_id = await owner_of(self._work, scope, request.dealer_id, "dealer_id")
        blueprint = mapping.all_blueprints().get(request.code)
        if blueprint is None:
            raise BlueprintNotFound()
        uow = self._work(call, lambda made: campaigns.campaign_message(fields.row_of(made)))
        return await usecases.use(
            uow=uow, scope=scope, blueprint=blueprint, language=request.language, dealer_id=dealer_id
        )
