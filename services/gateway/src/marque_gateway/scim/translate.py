"""Between SCIM resources and network's messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any

from marque.network.v1 import provisioning_pb2, staff_pb2
from scim2_models import InvalidValueException, Meta
from servicekit.ids import is_uuid
from tradekit import phone

from marque_gateway.scim.resources import (
    PERSON,
    Email,
    Employment,
    Group,
    Manager,
    Member,
    Membership,
    Name,
    PhoneNumber,
    Role,
)

_ACTIVE = (staff_pb2.STAFF_STATUS_ACTIVE, staff_pb2.STAFF_STATUS_ON_LEAVE)
Locate = Callable[[str, str], str]
"""(`Users` or `Groups`, id) → where it is."""


def user_of(found: provisioning_pb2.ProvisionedStaff, locate: Locate) -> Any:
    """Returns the SCIM user of a member of staff."""
    staff = found.staff
    user = PERSON(
        id=staff.staff_id,
        external_id=staff.external_id or None,
        user_name=staff.user_name or staff.employee_number,
        name=Name(
            formatted=staff.name.full_name,
            family_name=staff.name.family_name or None,
            given_name=staff.name.given_name or None,
        ),
        display_name=staff.name.full_name,
        title=staff.title or None,
        preferred_language=staff.languages[0] if staff.languages else None,
        active=staff.status in _ACTIVE,
        emails=[Email(value=staff.email, type="work", primary=True)] if staff.email else None,
        phone_numbers=[PhoneNumber(value=staff.phone, type="work", primary=True)] if staff.phone else None,
        roles=[Role(value=role) for role in staff.roles] or None,
        groups=[
            Membership(value=one.group_id, ref=locate("Groups", one.group_id), display=one.display_name)
            for one in found.groups
        ]
        or None,
        meta=_meta("User", staff, locate("Users", staff.staff_id)),
    )
    leader = staff.manager_staff_id
    user[Employment] = Employment(
        employee_number=staff.employee_number,
        organization=found.dealer_code or None,
        division=staff.region_code or None,
        department=staff.department or None,
        manager=Manager(value=leader, ref=locate("Users", leader)) if leader else None,
    )
    return user


def staff_of(user: Any, subject: str, *, staff_id: str = "", etag: str = "") -> provisioning_pb2.ProvisionedStaff:
    """Returns the message of what a SCIM user says; `subject` names the attribute that is the subject of the person's tokens.

    Raises InvalidValueException for a telephone number or manager's id that is none.
    """
    work = user[Employment] or Employment()
    name = user.name or Name()
    manager = (work.manager.value if work.manager else "") or ""
    if manager and not is_uuid(manager):
        raise InvalidValueException(detail="manager.value is not the id of a user")
    staff = staff_pb2.StaffMember(
        staff_id=staff_id,
        etag=etag,
        subject=(user.external_id if subject == "externalId" else "") or user.user_name or "",
        employee_number=work.employee_number or "",
        region_code=work.division or "",
        phone=_phone(_main(user.phone_numbers)),
        email=_main(user.emails),
        roles=sorted({role.value for role in user.roles or () if role.value}),
        languages=[user.preferred_language] if user.preferred_language else [],
        manager_staff_id=manager,
        user_name=user.user_name or "",
        external_id=user.external_id or "",
        title=user.title or "",
        department=work.department or "",
    )
    if user.active is not None:
        staff.status = staff_pb2.STAFF_STATUS_ACTIVE if user.active else staff_pb2.STAFF_STATUS_SUSPENDED
    staff.name.family_name, staff.name.given_name = name.family_name or "", name.given_name or ""
    parts = staff.name.family_name or staff.name.given_name
    staff.name.full_name = user.display_name or ("" if parts else user.user_name or "")
    return provisioning_pb2.ProvisionedStaff(staff=staff, dealer_code=work.organization or "")


def group_of(found: provisioning_pb2.StaffGroup, locate: Locate) -> Group:
    """Returns the SCIM group of a group."""
    return Group(
        id=found.group_id,
        external_id=found.external_id or None,
        display_name=found.display_name,
        members=[
            Member(value=one.staff_id, ref=locate("Users", one.staff_id), type="User", display=one.display_name)
            for one in found.members
        ]
        or None,
        meta=_meta("Group", found, locate("Groups", found.group_id)),
    )


def members_of(group: Group) -> list[str]:
    """Returns the ids of a group's members, each once. Raises InvalidValueException for one that is none."""
    found = list(dict.fromkeys((one.value or "").lower() for one in group.members or ()))
    if not all(is_uuid(one) for one in found):
        raise InvalidValueException(detail="members.value is not the id of a user")
    return found


def weak(etag: str) -> str:
    """Returns an etag as SCIM writes it: weak, for the same state may be written in other words."""
    return f'W/"{etag}"'


def strong(header: str) -> str:
    """Returns the etag of an If-Match header; empty for any."""
    plain = header.strip().removeprefix("W/").strip('"')
    return "" if plain == "*" else plain


def _meta(kind: str, found: Any, location: str) -> Meta:
    return Meta(
        resource_type=kind,
        created=found.create_time.ToDatetime(UTC),
        last_modified=found.update_time.ToDatetime(UTC),
        location=location,
        version=weak(found.etag),
    )


def _main(values: Sequence[Any] | None) -> str:
    """The primary value, else that of work, else the first."""
    given = [one for one in values or () if one.value]
    for fits in (lambda one: one.primary, lambda one: (one.type or "").lower() == "work"):
        if best := next((one for one in given if fits(one)), None):
            return str(best.value)
    return str(given[0].value) if given else ""


def _phone(text: str) -> str:
    if not text:
        return ""
    try:
        return phone.normalise(text.removeprefix("tel:")).e164
    except phone.PhoneError:
        raise InvalidValueException(
            detail="phoneNumbers.value is not a telephone number; write it as +8613800138000"
        ) from None
