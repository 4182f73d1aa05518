"""marque.campaign.v1.AudienceListService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.campaign.v1 import audience_list_service_pb2 as messages
from servicekit import fields
from servicekit.db.uow import UnitOfWork, Work
from servicekit.rpc.call import Call

from marque_campaign.api.scoping import owner_of, page_of_rows, seen
from marque_campaign.errors import AudienceListNotFound
from marque_campaign.mapping import templates as mapping
from marque_campaign.repository import lists as repository
from marque_campaign.repository import scope as scopes
from marque_campaign.usecases import templates as usecases


class AudienceListApi:
    """marque.campaign.v1.AudienceListService."""

    service = "marque.campaign.v1.AudienceListService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def CreateAudienceList(self, request: Any, call: Call) -> Any:
        scope, asked = await scopes.visible_to(self._work.reader, call.principal), request.audience_list
        owner = await owner_of(self._work, scope, asked.dealer_id, "audience_list.dealer_id")
        values = {"name": asked.name.strip(), "dealer_id": owner, "member_count": 0}
        return await usecases.create_list(uow=self._write(call), values=values)

    async def GetAudienceList(self, request: Any, call: Call) -> Any:
        key, kind = request.audience_list_id, repository.AUDIENCE_LISTS
        return mapping.list_message(await seen(self._work, call, kind, key, AudienceListNotFound))

    async def ListAudienceLists(self, request: Any, call: Call) -> Any:
        rows, token = await page_of_rows(self._work, call, repository.AUDIENCE_LISTS, request)
        found = [mapping.list_message(row) for row in rows]
        return messages.ListAudienceListsResponse(audience_lists=found, next_page_token=token)

    async def ChangeAudienceListMembers(self, request: Any, call: Call) -> Any:
        return await usecases.change_members(
            uow=self._write(call),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            list_id=uuid.UUID(request.audience_list_id),
            added=[uuid.UUID(one) for one in request.add_customer_ids],
            removed=[uuid.UUID(one) for one in request.remove_customer_ids],
            etag=request.etag,
        )

    def _write(self, call: Call) -> UnitOfWork:
        return self._work(call, lambda made: mapping.list_message(fields.row_of(made)))
