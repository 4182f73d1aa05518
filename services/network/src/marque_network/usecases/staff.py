"""What is done with staff."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_network.errors import DealerNotFound, RoleNotGrantable, StaffNotFound
from marque_network.models import Change, Staff
from marque_network.repository import dealers
from marque_network.repository import staff as repository
from marque_network.rules.offices import not_grantable
from marque_network.usecases.leaving import leave
from marque_network.usecases.staff_news import tell_changed

# A change of any of these changes what somebody may do, or who is that somebody.
OFFICE = frozenset({"roles", "subject", "region_code", "group_code", "approval_limits"})


async def create_staff(*, uow: UnitOfWork, values: Mapping[str, Any]) -> Any:
    """Takes somebody on, at the maker or at a dealer for which the caller may act."""
    async with uow:
        staff = Staff.hire(values)
        if staff.dealer_id and not await dealers.is_own_dealer(uow.session, uow.principal, staff.dealer_id):
            raise DealerNotFound(dealer_id=staff.dealer_id)
        _check_office(uow, staff)
        await check_manager(uow, staff)
        uow.add(staff)
        await tell_changed(uow, staff, ())
        uow.audit("create", "staff", str(staff.staff_id))
        return await uow.answer(staff)


async def update_staff(*, uow: UnitOfWork, staff_id: uuid.UUID, etag: str, patch: Callable[[Staff], Change]) -> Any:
    """Changes a member of staff; a patch that changes nothing says nothing to others."""
    async with uow:
        staff = await repository.get_staff(uow.session, uow.principal, staff_id)
        if staff is None:
            raise StaffNotFound(staff_id=staff_id)
        staff.check_etag(etag)
        staff.check_present()
        change = patch(staff)
        if change.fields:
            staff.change(change)
            if OFFICE & set(change.fields):
                _check_office(uow, staff)
            if "manager_staff_id" in change.fields:
                await check_manager(uow, staff)
            if staff.status == Staff.LEFT:
                await leave(uow, staff, change.fields)
            else:
                await tell_changed(uow, staff, change.fields)
            uow.audit("update", "staff", str(staff_id), change.fields)
        return await uow.answer(staff)


def _check_office(uow: UnitOfWork, staff: Staff) -> None:
    """Refuses what is more than the caller has, judged by the whole office: a new subject takes it all over."""
    what = not_grantable(
        uow.principal,
        held=staff.roles,
        at_dealer=staff.dealer_id is not None,
        region_code=staff.region_code or "",
        group_code=staff.group_code or "",
    )
    if what:
        raise RoleNotGrantable(what=what)


async def check_manager(uow: UnitOfWork, staff: Staff) -> None:
    if staff.manager_staff_id is None:
        return
    if not await repository.in_sight(uow.session, uow.principal, staff.manager_staff_id):
        raise InvalidArgument.of("staff.manager_staff_id", "STAFF_UNKNOWN", "There is no such member of staff.")
    staff.check_led_by(list(await repository.chain_above(uow.session, [staff.manager_staff_id])))
