"""Between rows and messages of provisioning."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marque.network.v1 import provisioning_pb2, provisioning_service_pb2, staff_pb2
from servicekit.db.base import etag_of
from servicekit.errors import InvalidArgument
from servicekit.masking import mask
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_network.mapping.staff import staff_for, staff_values
from marque_network.models import Membered, Provisioned
from marque_network.rules.offices import is_known

# What an identity provider says of a person; the rest is kept by who leads them.
_SAID = (
    *("subject", "employee_number", "user_name", "external_id", "phone", "email", "title", "department", "region_code"),
    *("family_name", "given_name", "full_name", "latin_name", "roles", "languages", "status", "manager_staff_id"),
)
_COUNT = 100


def said(message: staff_pb2.StaffMember) -> Callable[[uuid.UUID | None], Mapping[str, Any]]:
    """Returns the reading of what a provider says of somebody at an employer. It raises InvalidArgument."""

    def read(dealer_id: uuid.UUID | None) -> Mapping[str, Any]:
        placed = staff_pb2.StaffMember()
        placed.CopyFrom(message)
        placed.dealer_id = str(dealer_id or "")
        values = {name: value for name, value in staff_values(placed).items() if name in _SAID}
        return {**values, "status": message.status, **({"dealer_id": dealer_id} if not message.staff_id else {})}

    if message.status not in (0, staff_pb2.STAFF_STATUS_ACTIVE, staff_pb2.STAFF_STATUS_SUSPENDED):
        text = "A provider says active or suspended; leaving is said by DeprovisionStaff."
        raise InvalidArgument.of("provisioned.staff.status", "STATUS_NOT_PROVISIONABLE", text)
    return read


def provisioned_for(call: Call) -> Callable[[Provisioned], provisioning_pb2.ProvisionedStaff]:
    """Returns the rendering of a provisioned member of staff for a caller."""
    render = staff_for(call)

    def shown(found: Provisioned) -> provisioning_pb2.ProvisionedStaff:
        return provisioning_pb2.ProvisionedStaff(
            staff=render(found.staff),
            dealer_code=found.dealer_code,
            groups=[_group(row) for row in found.groups],
        )

    return shown


def group_for(call: Call) -> Callable[[Membered], provisioning_pb2.StaffGroup]:
    """Returns the rendering of a group with its members for a caller."""
    visible = visible_classes(call.principal.roles)

    def shown(found: Membered) -> provisioning_pb2.StaffGroup:
        message = _group(found.group)
        for staff_id, name in found.members:
            message.members.add(staff_id=str(staff_id), display_name=name)
        mask(message, visible)
        return message

    return shown


def _group(row: Any) -> provisioning_pb2.StaffGroup:
    message = provisioning_pb2.StaffGroup(
        group_id=str(row.group_id),
        display_name=row.display_name,
        external_id=row.external_id,
        roles=sorted(row.roles),
        etag=etag_of(row.version),
    )
    message.create_time.FromDatetime(row.create_time)
    message.update_time.FromDatetime(row.update_time)
    return message


def staff_found(rows: Sequence[Provisioned], total: int, call: Call) -> Any:
    """Returns the answer of a search of staff."""
    render = provisioned_for(call)
    return provisioning_service_pb2.FindProvisionedStaffResponse(staff=[render(row) for row in rows], total_size=total)


def groups_found(rows: Sequence[Any], total: int, call: Call) -> Any:
    """Returns the answer of a search of groups."""
    render = group_for(call)
    groups = [render(Membered(row)) for row in rows]
    return provisioning_service_pb2.FindStaffGroupsResponse(groups=groups, total_size=total)


def span(request: Any) -> tuple[int, int]:
    """Returns how many rows a search passes over, and how many it returns at most."""
    return max(request.start_index, 1) - 1, request.count if request.HasField("count") else _COUNT


def ids(texts: Sequence[str]) -> set[uuid.UUID]:
    """Returns ids of their texts."""
    return {uuid.UUID(text) for text in texts}


def known_roles(roles: Sequence[str]) -> Sequence[str]:
    """Returns roles that there are. Raises InvalidArgument."""
    if any(not is_known(role) for role in roles):
        raise InvalidArgument.of("roles", "ROLE_UNKNOWN", "There is no such role.")
    return roles
