"""marque.campaign.v1.AudienceListService."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

from marque.campaign.v1 import audience_list_service_pb2 as messages
from servicekit import fields
from servicekit.db.uow import UnitOfWork, Work
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call

from marque_campaign.api.scoping import owner_of, page_of_rows, seen
from marque_campaign.errors import AudienceListNotFound
from marque_campaign.mapping import lists as mapping
from marque_campaign.repository import lists as repository
from marque_campaign.repository import members
from marque_campaign.repository import scope as scopes
from marque_campaign.usecases import lists as usecases

EXPORT_PART = 1000


class AudienceListApi:
    """marque.campaign.v1.AudienceListService."""

    service = "marque.campaign.v1.AudienceListService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def CreateAudienceList(self, request: Any, call: Call) -> Any:
        scope, asked = await scopes.visible_to(self._work.reader, call.principal), request.audience_list
        owner = await owner_of(self._work, scope, asked.dealer_id, "audience_list.dealer_id")
        values = {"name": asked.name.strip(), "dealer_id": owner, "member_count": 0}
        return await usecases.create(uow=self._write(call), values=values)

    async def GetAudienceList(self, request: Any, call: Call) -> Any:
        return mapping.list_message(await self._seen(request, call))

    async def ListAudienceLists(self, request: Any, call: Call) -> Any:
        rows, token = await page_of_rows(self._work, call, repository.AUDIENCE_LISTS, request)
        found = [mapping.list_message(row) for row in rows]
        return messages.ListAudienceListsResponse(audience_lists=found, next_page_token=token)

    async def UpdateAudienceList(self, request: Any, call: Call) -> Any:
        return await usecases.update(
            uow=self._write(call),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            list_id=uuid.UUID(request.audience_list.audience_list_id),
            values=mapping.changes(request.audience_list, request.update_mask),
            etag=request.audience_list.etag,
        )

    async def DeleteAudienceList(self, request: Any, call: Call) -> Any:
        return await usecases.delete(
            uow=self._write(call),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            list_id=uuid.UUID(request.audience_list_id),
            etag=request.etag,
        )

    async def ListAudienceListMembers(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        (after,) = page_key(page, uuid.UUID) or (None,)
        row, imported = await self._seen(request, call), fields.uuid_or_none(request.import_id)
        rows = await members.page(self._work.reader, row["audience_list_id"], imported, after, page.size + 1)
        shown, token = page.cut(rows, lambda row: (str(row["customer_id"]),))
        found = [mapping.member_message(row) for row in shown]
        return messages.ListAudienceListMembersResponse(members=found, next_page_token=token)

    async def ExportAudienceListMembers(self, request: Any, call: Call) -> AsyncIterator[Any]:
        list_id, after = (await self._seen(request, call))["audience_list_id"], fields.uuid_or_none(request.cursor)
        call.saw("audience_list", str(list_id), ("members",))
        while rows := await members.page(self._work.reader, list_id, None, after, EXPORT_PART):
            after = rows[-1]["customer_id"]
            yield messages.ExportAudienceListMembersResponse(
                members=[mapping.member_message(row) for row in rows], cursor=str(after)
            )

    async def ChangeAudienceListMembers(self, request: Any, call: Call) -> Any:
        return await usecases.change_members(
            uow=self._write(call),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            list_id=uuid.UUID(request.audience_list_id),
            added=[uuid.UUID(one) for one in request.add_customer_ids],
            removed=[uuid.UUID(one) for one in request.remove_customer_ids],
            etag=request.etag,
        )

    async def _seen(self, request: Any, call: Call) -> Any:
        key, kind = request.audience_list_id, repository.AUDIENCE_LISTS
        return await seen(self._work, call, kind, key, AudienceListNotFound)

    def _write(self, call: Call) -> UnitOfWork:
        return self._work(call, lambda made: mapping.list_message(fields.row_of(made)))
