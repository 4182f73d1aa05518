"""`/Groups`: groups of staff, whose members have their roles."""

from __future__ import annotations

from typing import Any

from marque.network.v1 import provisioning_service_pb2 as rpc
from scim2_models import Context, NotFoundException, PatchOp
from servicekit.ids import is_uuid
from starlette.responses import Response

from marque_gateway.scim.asked import Asked, span_of
from marque_gateway.scim.patches import membership_only, tolerated
from marque_gateway.scim.resources import TOLERANT, Group
from marque_gateway.scim.translate import group_of, members_of, strong


class Groups:
    """What can be done with groups."""

    async def find(self, asked: Asked, key: str) -> Response:
        """Lists groups that fit a filter, without their members."""
        search = asked.search()
        request = rpc.FindStaffGroupsRequest()
        span_of(search, request)
        found = await asked.call("FindStaffGroups", request)
        return asked.page(Group, [group_of(one, asked.locate) for one in found.groups], found.total_size, search)

    async def create(self, asked: Asked, key: str) -> Response:
        """Creates a group."""
        group = await asked.body(Group, Context.RESOURCE_CREATION_REQUEST)
        request = rpc.CreateStaffGroupRequest(member_staff_ids=members_of(group))
        request.group.display_name, request.group.external_id = group.display_name or "", group.external_id or ""
        made = await asked.call("CreateStaffGroup", request)
        return asked.resource(group_of(made, asked.locate), Context.RESOURCE_CREATION_RESPONSE, 201)

    async def get(self, asked: Asked, key: str) -> Response:
        """Returns a group with its members."""
        return asked.resource(await self._read(asked, key), Context.RESOURCE_QUERY_RESPONSE)

    async def put(self, asked: Asked, key: str) -> Response:
        """Writes a group anew."""
        self._check(key)
        group = await asked.body(Group, Context.RESOURCE_REPLACEMENT_REQUEST)
        after = await self._write(asked, key, group, members_of(group))
        return asked.resource(after, Context.RESOURCE_REPLACEMENT_RESPONSE)

    async def patch(self, asked: Asked, key: str) -> Response:
        """Changes a group by operations. Members who come or go by their ids are passed on as such: groups can be large."""
        self._check(key)
        body = tolerated(await asked.request.body())
        patch = PatchOp[Group].model_validate(body, scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_policy=TOLERANT)
        change = membership_only(body)
        if change is not None:
            request = rpc.UpdateStaffGroupRequest(
                group_id=key, etag=strong(asked.if_match), add_staff_ids=change[0], remove_staff_ids=change[1]
            )
            after = group_of(await asked.call("UpdateStaffGroup", request), asked.locate)
        else:
            group = await self._read(asked, key)
            patch.patch(group, scim_policy=TOLERANT)
            after = await self._write(asked, key, group, members_of(group))
        return asked.resource(after, Context.RESOURCE_PATCH_RESPONSE)

    async def delete(self, asked: Asked, key: str) -> Response:
        """Deletes a group."""
        self._check(key)
        await asked.call("DeleteStaffGroup", rpc.DeleteStaffGroupRequest(group_id=key, etag=strong(asked.if_match)))
        return Response(status_code=204)

    async def _read(self, asked: Asked, key: str) -> Group:
        self._check(key)
        return group_of(await asked.call("GetStaffGroup", rpc.GetStaffGroupRequest(group_id=key)), asked.locate)

    async def _write(self, asked: Asked, key: str, group: Any, members: list[str]) -> Group:
        request = rpc.UpdateStaffGroupRequest(
            group_id=key,
            etag=strong(asked.if_match),
            display_name=group.display_name or "",
            external_id=group.external_id or "",
            add_staff_ids=members,
            replace_members=True,
        )
        return group_of(await asked.call("UpdateStaffGroup", request), asked.locate)

    def _check(self, key: str) -> None:
        if not is_uuid(key):
            raise NotFoundException(detail="There is no such group")
