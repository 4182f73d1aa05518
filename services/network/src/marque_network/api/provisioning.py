"""The servicer of provisioning."""

from __future__ import annotations

import asyncio
import importlib
import uuid
from typing import Any

from servicekit.db.uow import Work
from servicekit.rpc.call import Call

from marque_network.api.dealers import id_of
from marque_network.errors import StaffGroupNotFound, StaffNotFound
from marque_network.mapping import provisioning as mapping
from marque_network.repository import provisioning as repository
from marque_network.usecases import groups, provisioning


class ProvisioningApi:
    """marque.network.v1.ProvisioningService."""

    service = "marque.network.v1.ProvisioningService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def ProvisionStaff(self, request: Any, call: Call) -> Any:
        message = request.provisioned
        message.staff.ClearField("staff_id")
        return await provisioning.provision(
            uow=self._work(call, mapping.provisioned_for(call)),
            dealer_code=message.dealer_code,
            read=mapping.said(message.staff),
        )

    async def GetProvisionedStaff(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            found = await repository.read(session, uuid.UUID(request.staff_id))
        if found is None:
            raise StaffNotFound(staff_id=request.staff_id)
        return mapping.provisioned_for(call)(found)

    async def FindProvisionedStaff(self, request: Any, call: Call) -> Any:
        await _language(request.filter)
        async with self._work.read() as session:
            rows, total = await repository.find(session, request.filter, *mapping.span(request))
        return mapping.staff_found(rows, total, call)

    async def ReplaceProvisionedStaff(self, request: Any, call: Call) -> Any:
        message = request.provisioned
        return await provisioning.replace(
            uow=self._work(call, mapping.provisioned_for(call)),
            staff_id=id_of(message.staff.staff_id, "provisioned.staff.staff_id"),
            etag=message.staff.etag,
            dealer_code=message.dealer_code,
            read=mapping.said(message.staff),
        )

    async def DeprovisionStaff(self, request: Any, call: Call) -> Any:
        return await provisioning.deprovision(
            uow=self._work(call, mapping.provisioned_for(call)),
            staff_id=uuid.UUID(request.staff_id),
            etag=request.etag,
        )

    async def CreateStaffGroup(self, request: Any, call: Call) -> Any:
        return await groups.create_group(
            uow=self._work(call, mapping.group_for(call)),
            display_name=request.group.display_name,
            external_id=request.group.external_id,
            members=mapping.ids(request.member_staff_ids),
        )

    async def GetStaffGroup(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            found = await repository.read_group(session, uuid.UUID(request.group_id))
        if found is None:
            raise StaffGroupNotFound(group_id=request.group_id)
        return mapping.group_for(call)(found)

    async def FindStaffGroups(self, request: Any, call: Call) -> Any:
        await _language(request.filter)
        async with self._work.read() as session:
            rows, total = await repository.find_groups(session, request.filter, *mapping.span(request))
        return mapping.groups_found(rows, total, call)

    async def UpdateStaffGroup(self, request: Any, call: Call) -> Any:
        return await groups.update_group(
            uow=self._work(call, mapping.group_for(call)),
            group_id=uuid.UUID(request.group_id),
            etag=request.etag,
            names=(
                request.display_name if request.HasField("display_name") else None,
                request.external_id if request.HasField("external_id") else None,
            ),
            add=mapping.ids(request.add_staff_ids),
            remove=mapping.ids(request.remove_staff_ids),
            replace=request.replace_members,
        )

    async def DeleteStaffGroup(self, request: Any, call: Call) -> Any:
        return await groups.delete_group(
            uow=self._work(call, mapping.group_for(call)),
            group_id=uuid.UUID(request.group_id),
            etag=request.etag,
        )

    async def MapStaffGroup(self, request: Any, call: Call) -> Any:
        return await groups.map_group(
            uow=self._work(call, mapping.group_for(call)),
            group_id=uuid.UUID(request.group_id),
            etag=request.etag,
            roles=mapping.known_roles(request.roles),
        )


async def _language(text: str) -> None:
    """Reads the library of the filter language in, beside the loop: it takes a second, once."""
    if text:
        await asyncio.to_thread(importlib.import_module, "scim2_models.path")
