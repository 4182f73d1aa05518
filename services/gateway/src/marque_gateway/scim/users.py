"""`/Users`: members of staff."""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio
from marque.network.v1 import provisioning_pb2
from marque.network.v1 import provisioning_service_pb2 as rpc
from scim2_models import Context, NotFoundException, PatchOp
from servicekit.ids import is_uuid
from starlette.responses import Response

from marque_gateway.scim.asked import Asked, span_of
from marque_gateway.scim.patches import tolerated
from marque_gateway.scim.resources import PERSON, TOLERANT
from marque_gateway.scim.translate import staff_of, strong, user_of

_ATTEMPTS = 3


class Users:
    """What can be done with users. `subject` names the attribute that is the subject of people's tokens."""

    def __init__(self, subject: str) -> None:
        self._subject = subject

    async def find(self, asked: Asked, key: str) -> Response:
        """Lists users that fit a filter."""
        search = asked.search()
        request = rpc.FindProvisionedStaffRequest()
        span_of(search, request)
        found = await asked.call("FindProvisionedStaff", request)
        return asked.page(PERSON, [user_of(one, asked.locate) for one in found.staff], found.total_size, search)

    async def create(self, asked: Asked, key: str) -> Response:
        """Creates a user."""
        user = await asked.body(PERSON, Context.RESOURCE_CREATION_REQUEST)
        request = rpc.ProvisionStaffRequest(provisioned=staff_of(user, self._subject))
        made = await asked.call("ProvisionStaff", request)
        return asked.resource(user_of(made, asked.locate), Context.RESOURCE_CREATION_RESPONSE, 201)

    async def get(self, asked: Asked, key: str) -> Response:
        """Returns a user; 304 where the caller has this version."""
        user = user_of(await self._read(asked, key), asked.locate)
        if asked.request.headers.get("if-none-match", "") == user.meta.version:
            return Response(status_code=304, headers={"etag": user.meta.version})
        return asked.resource(user, Context.RESOURCE_QUERY_RESPONSE)

    async def put(self, asked: Asked, key: str) -> Response:
        """Writes a user anew."""
        given = await asked.body(PERSON, Context.RESOURCE_REPLACEMENT_REQUEST)
        before = await self._read(asked, key)
        given.replace(user_of(before, asked.locate))
        after = await self._write(asked, key, given, strong(asked.if_match))
        return asked.resource(user_of(after, asked.locate), Context.RESOURCE_REPLACEMENT_RESPONSE)

    async def patch(self, asked: Asked, key: str) -> Response:
        """Changes a user by operations, applied to the present state; where somebody else was faster, once more."""
        body = tolerated(await asked.request.body())
        patch = PatchOp[PERSON].model_validate(body, scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_policy=TOLERANT)
        for attempt in range(_ATTEMPTS):
            before = await self._read(asked, key)
            user = user_of(before, asked.locate)
            if not patch.patch(user, scim_policy=TOLERANT) and not asked.if_match:
                return asked.resource(user, Context.RESOURCE_PATCH_RESPONSE)
            try:
                after = await self._write(asked, key, user, strong(asked.if_match) or before.staff.etag)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.ABORTED or asked.if_match or attempt == _ATTEMPTS - 1:
                    raise
            else:
                return asked.resource(user_of(after, asked.locate), Context.RESOURCE_PATCH_RESPONSE)
        raise AssertionError("unreachable")

    async def delete(self, asked: Asked, key: str) -> Response:
        """Removes a user: they have left."""
        self._check(key)
        await asked.call("DeprovisionStaff", rpc.DeprovisionStaffRequest(staff_id=key, etag=strong(asked.if_match)))
        return Response(status_code=204)

    async def _read(self, asked: Asked, key: str) -> provisioning_pb2.ProvisionedStaff:
        self._check(key)
        found: provisioning_pb2.ProvisionedStaff = await asked.call(
            "GetProvisionedStaff", rpc.GetProvisionedStaffRequest(staff_id=key)
        )
        return found

    async def _write(self, asked: Asked, key: str, user: Any, etag: str) -> provisioning_pb2.ProvisionedStaff:
        said = staff_of(user, self._subject, staff_id=key, etag=etag)
        after: provisioning_pb2.ProvisionedStaff = await asked.call(
            "ReplaceProvisionedStaff", rpc.ReplaceProvisionedStaffRequest(provisioned=said)
        )
        return after

    def _check(self, key: str) -> None:
        if not is_uuid(key):
            raise NotFoundException(detail="There is no such user")
