"""Between rows and messages of staff."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from marque.network.v1 import staff_pb2, staff_service_pb2
from marque.type.v1 import person_name_pb2
from servicekit.db.base import etag_of
from servicekit.errors import FieldViolation, InvalidArgument
from servicekit.masking import show
from servicekit.paging import Page, moment, page_key
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call
from tradekit import han, names

from marque_network.mapping.patches import patched, required
from marque_network.mapping.staff_parts import add_parts, date_of, parts_faults, parts_values
from marque_network.models import Change, Staff
from marque_network.rules import offices
from marque_network.rules.readings import LANGUAGE

_PLAIN = (
    *("subject", "employee_number", "region_code", "group_code", "phone", "email", "user_name", "external_id", "title"),
    *("department", "team", "capacity"),
)
_NAME = ("family_name", "given_name", "full_name", "latin_name")


def staff_values(message: staff_pb2.StaffMember) -> dict[str, Any]:
    """Returns the columns of a member of staff. Raises InvalidArgument for what the contract's rules cannot see."""
    wrong = [*_faults(message)]
    if wrong:
        raise InvalidArgument(violations=wrong)
    return {
        **{name: getattr(message, name) for name in _PLAIN},
        **person_values(*(getattr(message.name, part) for part in _NAME)),
        "dealer_id": _uuid(message.dealer_id),
        "roles": sorted(message.roles),
        "languages": list(dict.fromkeys(message.languages)),
        "status": message.status or Staff.ACTIVE,
        "manager_staff_id": _uuid(message.manager_staff_id),
        **parts_values(message),
    }


def person_values(family: str, given: str, full: str, latin: str) -> dict[str, str]:
    """Returns the columns of a name; a whole name that is not given is composed: family name first in Han script, else
    last.
    """
    family, given, full = names.tidy(family), names.tidy(given), names.tidy(full)
    if not full:
        parts = (family, given) if han.is_han(family + given) else (given, family)
        full = ("" if han.is_han(family + given) else " ").join(part for part in parts if part)
    return {"family_name": family, "given_name": given, "full_name": full, "latin_name": names.tidy(latin)}


def office_faults(held: Iterable[str], *, at_dealer: bool, place: str) -> Iterable[FieldViolation]:
    """Yields what is wrong with roles at an employer."""
    for role in held:
        if not offices.is_known(role):
            yield FieldViolation(place, "ROLE_UNKNOWN", "There is no such role.")
        elif not offices.fits_employer(role, at_dealer=at_dealer):
            text = "Roles of dealers need a dealer, those of the maker none; those of systems are not for staff."
            yield FieldViolation(place, "ROLE_NOT_FOR_EMPLOYER", text)


def _faults(message: staff_pb2.StaffMember) -> Iterable[FieldViolation]:
    if not any(getattr(message.name, part).strip() for part in ("family_name", "given_name", "full_name")):
        yield required("staff.name")
    yield from office_faults(message.roles, at_dealer=bool(message.dealer_id), place="staff.roles")
    if any(not LANGUAGE.fullmatch(tag) for tag in message.languages):
        yield FieldViolation("staff.languages", "LANGUAGE_INVALID", "Give a language tag such as zh-CN.")
    yield from parts_faults(message)


def _uuid(text: str) -> uuid.UUID | None:
    return uuid.UUID(text) if text else None


def staff_patch(request: staff_service_pb2.UpdateStaffRequest) -> Callable[[Staff], Change]:
    """Returns what an update request does to the member of staff that it finds."""

    def change(row: Staff) -> Change:
        mask = request.update_mask
        merged, fields = patched(staff_message(row), request.staff, mask, prefix="staff")
        if _parts_only(list(mask.paths)):
            merged.name.ClearField("full_name")  # its parts were changed, so the whole is composed anew
        values = staff_values(merged) if fields else {}
        columns = {column for field in fields for column in (_NAME if field == "name" else (field,))}
        return Change({name: value for name, value in values.items() if name in columns}, fields)

    return change


def _parts_only(paths: list[str]) -> bool:
    parts = {path for path in paths if path.split(".")[0] == "name"}
    return bool(parts & {"name.family_name", "name.given_name"}) and not parts & {"name", "name.full_name"}


def staff_message(row: Any) -> staff_pb2.StaffMember:
    """Returns the whole message of a member of staff; who may see what is judged by `staff_for`."""
    message = staff_pb2.StaffMember(
        staff_id=str(row.staff_id),
        **{name: getattr(row, name) for name in _PLAIN},
        dealer_id=str(row.dealer_id or ""),
        name=person_name_pb2.PersonName(**{part: getattr(row, part) for part in _NAME}),
        roles=row.roles,
        languages=row.languages,
        status=row.status,
        manager_staff_id=str(row.manager_staff_id or ""),
        etag=etag_of(row.version),
    )
    message.create_time.FromDatetime(row.create_time)
    message.update_time.FromDatetime(row.update_time)
    add_parts(message, row)
    return message


def staff_for(call: Call) -> Callable[[Any], staff_pb2.StaffMember]:
    """Returns the rendering of a member of staff for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any) -> staff_pb2.StaffMember:
        message = staff_message(row)
        found: staff_pb2.StaffMember = show(call, message, "staff", message.staff_id, visible)
        return found

    return render


def staff_filters(request: staff_service_pb2.ListStaffRequest) -> dict[str, Any]:
    """Returns the filters of a list request. Raises InvalidArgument where they contradict each other."""
    if request.maker_only and request.dealer_id:
        raise InvalidArgument.of(
            "maker_only", "FILTERS_CONTRADICT", "Ask for a dealer's people or the maker's, not both."
        )
    found: dict[str, Any] = {
        name: getattr(request, name)
        for name in ("role", "status", "subject", "skill", "department", "team")
        if getattr(request, name)
    }
    if request.HasField("certificate_expires_before"):
        try:
            found["expires_before"] = date_of(request.certificate_expires_before)
        except ValueError:
            raise InvalidArgument.of(
                "certificate_expires_before", "DATE_INVALID", "Give a whole date of the calendar."
            ) from None
    found |= {
        name: uuid.UUID(getattr(request, name)) for name in ("dealer_id", "manager_staff_id") if getattr(request, name)
    }
    return {**found, **({"dealer_id": None} if request.maker_only else {})}


def staff_key(page: Page, order_by: str) -> tuple[Any, ...] | None:
    """Returns the sort values after which a page starts."""
    kind = order_by.partition(" ")[0]
    return page_key(page, {"update_time": moment, "next_expiry_date": date.fromisoformat}.get(kind, str), uuid.UUID)


def staff_page(rows: Sequence[Any], page: Page, order_by: str, call: Call) -> staff_service_pb2.ListStaffResponse:
    """Returns the answer of a list request."""
    name = order_by.partition(" ")[0] or "employee_number"
    shown, token = page.cut(rows, lambda row: (getattr(row, name), str(row.staff_id)))
    render = staff_for(call)
    return staff_service_pb2.ListStaffResponse(staff=[render(row) for row in shown], next_page_token=token)


def staff_batch(
    request: staff_service_pb2.BatchGetStaffRequest, rows: Sequence[Any], call: Call
) -> staff_service_pb2.BatchGetStaffResponse:
    """Returns the answer of a batch request, with what is missing."""
    ids, subjects = {str(row.staff_id) for row in rows}, {row.subject for row in rows}
    render = staff_for(call)
    return staff_service_pb2.BatchGetStaffResponse(
        staff=[render(row) for row in rows],
        missing_staff_ids=sorted({one.lower() for one in request.staff_ids} - ids),
        missing_subjects=sorted(set(request.subjects) - subjects),
    )


def staff_access(rows: Sequence[Any]) -> staff_service_pb2.ResolveStaffAccessResponse:
    """Returns what the roster says of some subjects."""
    return staff_service_pb2.ResolveStaffAccessResponse(
        access=[
            staff_service_pb2.StaffAccess(
                subject_key=row.subject_key,
                staff_id=str(row.staff_id),
                status=row.status,
                roles=row.roles,
                dealer_id=str(row.dealer_id or ""),
                region_code=row.region_code,
                group_code=row.group_code,
            )
            for row in rows
        ]
    )
