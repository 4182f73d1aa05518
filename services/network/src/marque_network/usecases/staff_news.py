"""What others are told of staff: the present state, without anything personal."""

from __future__ import annotations

from typing import Any

from marque.network.v1 import staff_events_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.staff import subject_key

from marque_network.models import Staff
from marque_network.repository import staff as repository


async def tell_changed(uow: UnitOfWork, staff: Staff, changed: tuple[str, ...]) -> None:
    """Writes somebody's state, into the roster too, and says it to the others."""
    await uow.flush()
    await repository.know_staff(uow.session, [staff.staff_id])
    uow.emit(staff_changed(staff, changed), of=staff)


def staff_changed(staff: Any, changed: tuple[str, ...]) -> staff_events_pb2.StaffChanged:
    """Returns the event of somebody's present state, without anything personal."""
    event = staff_events_pb2.StaffChanged(
        staff_id=str(staff.staff_id),
        dealer_id=str(staff.dealer_id or ""),
        roles=staff.roles,
        status=staff.status,
        manager_staff_id=str(staff.manager_staff_id or ""),
        changed_fields=changed,
        subject_key=subject_key(staff.subject) if staff.subject else "",
        region_code=staff.region_code or "",
        group_code=staff.group_code or "",
        former_subject_keys=staff.former_subject_keys or (),
    )
    event.occur_time.FromDatetime(staff.update_time)  # as a snapshot says it, so that both leave the same behind
    return event
