"""What is done with staff for an identity provider."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument
from servicekit.ids import new_uuid

from marque_network.errors import RoleNotGrantable, StaffNotFound
from marque_network.models import Change, Provisioned, Staff
from marque_network.repository import provisioning as repository
from marque_network.rules.offices import fits_employer, not_provisionable
from marque_network.usecases.leaving import leave
from marque_network.usecases.staff import check_manager
from marque_network.usecases.staff_news import tell_changed

Read = Callable[[uuid.UUID | None], Mapping[str, Any]]
_NAME = frozenset({"family_name", "given_name", "full_name", "latin_name"})


async def provision(*, uow: UnitOfWork, dealer_code: str, read: Read) -> Any:
    """Takes somebody on. `read` gives the columns of what the provider says of them at an employer."""
    async with uow:
        dealer_id = await _employer(uow, dealer_code)
        values = dict(read(dealer_id))
        staff_id = new_uuid()
        values["employee_number"] = values["employee_number"] or f"S-{staff_id.hex[-12:].upper()}"
        values["status"] = values["status"] or Staff.ACTIVE
        staff = Staff.hire({**values, "staff_id": staff_id})
        _check_roles(uow, staff.roles)
        await check_manager(uow, staff)
        uow.add(staff)
        await tell_changed(uow, staff, ())
        uow.audit("provision", "staff", str(staff_id))
        return await uow.answer(Provisioned(staff, dealer_code))


async def replace(*, uow: UnitOfWork, staff_id: uuid.UUID, etag: str, dealer_code: str, read: Read) -> Any:
    """Writes what the provider says of somebody; what it cannot say stays."""
    async with uow:
        staff = await _present(uow, staff_id, etag)
        if await _employer(uow, dealer_code) != staff.dealer_id:
            raise InvalidArgument.of(
                "provisioned.dealer_code", "FIELD_NOT_WRITABLE", "Who goes to another dealer leaves, and begins there."
            )
        values = await _merged(uow, staff, read(staff.dealer_id))
        fields = _changed(staff, values)
        if fields:
            staff.change(Change(values, fields))
            if "roles" in fields:
                _check_roles(uow, staff.roles)
            if "manager_staff_id" in fields:
                await check_manager(uow, staff)
            await tell_changed(uow, staff, fields)
            uow.audit("provision", "staff", str(staff_id), fields)
        return await uow.answer((await repository.dressed(uow.session, [staff]))[0])


async def deprovision(*, uow: UnitOfWork, staff_id: uuid.UUID, etag: str) -> Any:
    """Lets somebody go."""
    async with uow:
        staff = await _present(uow, staff_id, etag)
        await leave(uow, staff)
        uow.audit("deprovision", "staff", str(staff_id), ("status",))
        return await uow.answer((await repository.dressed(uow.session, [staff]))[0])


async def _present(uow: UnitOfWork, staff_id: uuid.UUID, etag: str) -> Staff:
    staff = await repository.lock_staff(uow.session, staff_id)
    if staff is None:
        raise StaffNotFound(staff_id=staff_id)
    staff.check_etag(etag)
    return staff


async def _employer(uow: UnitOfWork, code: str) -> uuid.UUID | None:
    if not code:
        return None
    found = await repository.dealer_of(uow.session, code)
    if found is None:
        raise InvalidArgument.of("provisioned.dealer_code", "DEALER_NOT_FOUND", "There is no dealer of this code.")
    return found


async def _merged(uow: UnitOfWork, staff: Staff, said: Mapping[str, Any]) -> dict[str, Any]:
    """What shall stand: as said, save for what the provider left open."""
    values = dict(said)
    if not values["employee_number"]:
        del values["employee_number"]
    if not values["status"] or (values["status"] == Staff.ACTIVE and staff.status == Staff.ON_LEAVE):
        del values["status"]  # who is on leave is as active to the provider as anybody
    if not values["roles"]:
        del values["roles"]
    else:
        by_groups = (await repository.roles_by_groups(uow.session, [staff.staff_id])).get(staff.staff_id, set())
        values["roles"] = sorted({*values["roles"], *fitting(by_groups, staff)})
    return values


def _changed(staff: Staff, values: Mapping[str, Any]) -> tuple[str, ...]:
    changed = [name for name, value in values.items() if getattr(staff, name) != value]
    return tuple(dict.fromkeys("name" if name in _NAME else name for name in changed))


def fitting(held: Iterable[str], staff: Staff) -> set[str]:
    """Returns those of some roles that somebody may hold at their employer."""
    return {role for role in held if fits_employer(role, at_dealer=staff.dealer_id is not None)}


def _check_roles(uow: UnitOfWork, held: Iterable[str]) -> None:
    refused = not_provisionable(uow.principal, held)
    if refused:
        raise RoleNotGrantable(what=refused)
