"""What is done when somebody leaves: access ends at once, others hear of it, what they had goes to others."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from marque.network.v1 import staff_events_pb2
from servicekit import contract
from servicekit.db.uow import UnitOfWork
from servicekit.ids import new_uuid

from marque_network.models import HandOver, HandOverStep, Staff
from marque_network.repository import hand_overs
from marque_network.repository import provisioning as groups
from marque_network.usecases.staff_news import tell_changed


def participants() -> list[str]:
    """Returns the services that hand over, as the contracts know them."""
    return sorted({name.split(".")[1] for name in contract.services() if name == _service(name.split(".")[1])})


def _service(name: str) -> str:
    return f"marque.{name}.v1.{name.capitalize()}HandOverService"


async def leave(
    uow: UnitOfWork, staff: Staff, changed: tuple[str, ...] = ("status",), successors: Sequence[uuid.UUID] = ()
) -> HandOver:
    """Lets somebody go, inside the open unit of work; the caller has seen that they are there. What they had begins to go over."""
    staff.leave(uow.now.date())
    await tell_changed(uow, staff, changed)
    made = await begin_hand_over(uow, staff, successors)
    uow.emit(_left(staff, made), of=staff)
    return made


async def leave_by_import(uow: UnitOfWork, row: Any, version: int) -> None:
    """Begins the hand-over of somebody whom an import has let go."""
    event = _left(row, await begin_hand_over(uow, row, ()))
    event.aggregate_version = version
    uow.emit(event)


async def begin_hand_over(uow: UnitOfWork, staff: Any, successors: Sequence[uuid.UUID]) -> HandOver:
    """Makes due that what somebody had goes to the successors, else to who led them or manages their dealer."""
    await groups.take_out_of_all(uow.session, staff.staff_id)
    if not successors:
        heir = await hand_overs.heir(uow.session, staff)
        successors = [heir] if heir else []
    made = HandOver(
        hand_over_id=new_uuid(),
        staff_id=staff.staff_id,
        dealer_id=staff.dealer_id,
        successors=list(successors),
        create_time=uow.now,
    )
    uow.add(made)
    await uow.flush()
    uow.add(*(HandOverStep(hand_over_id=made.hand_over_id, service=name, try_time=uow.now) for name in participants()))
    await uow.flush()
    return made


def _left(staff: Any, made: HandOver) -> staff_events_pb2.StaffLeft:
    return staff_events_pb2.StaffLeft(
        staff_id=str(staff.staff_id),
        dealer_id=str(staff.dealer_id or ""),
        hand_over_id=str(made.hand_over_id),
    )
