"""What is done with presence and load."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from marque.network.v1 import assignment_events_pb2
from servicekit.db.uow import UnitOfWork

from marque_network.errors import StaffNotFound
from marque_network.models import Staff, StaffPresence
from marque_network.repository import assignments as repository
from marque_network.repository import staff as people

OTHERS = "network.staff.update"  # who may change people may say whether they are there
USUAL_SECONDS = 120


async def report_presence(*, uow: UnitOfWork, staff_id: uuid.UUID, state: int, seconds: int) -> Any:
    """Keeps what was said; others hear of it only where it changes something."""
    async with uow:
        staff = await people.read_staff(uow.session, uow.principal, staff_id)
        own = uow.principal.staff_id == str(staff_id)
        if staff is None or staff.status == Staff.LEFT or not (own or uow.principal.may(OTHERS)):
            raise StaffNotFound(staff_id=staff_id)
        expires = uow.now + timedelta(seconds=seconds or USUAL_SECONDS)
        found = await repository.find_presence(uow.session, staff_id)
        if found is None:
            found = StaffPresence(
                staff_id=staff_id,
                version=1,
                dealer_id=staff.dealer_id,
                state=state,
                expire_time=expires,
                report_time=uow.now,
            )
            uow.add(found)
            changed = True
        else:
            changed = found.say(state, uow.now, expires)
        await uow.flush()
        if changed:
            event = assignment_events_pb2.PresenceChanged(
                staff_id=str(staff_id),
                aggregate_version=found.version,
                dealer_id=str(staff.dealer_id or ""),
                state=state,
            )
            uow.emit(event)
        return await uow.answer(found)


async def report_loads(*, uow: UnitOfWork, rows: Sequence[dict[str, Any]]) -> None:
    """Keeps the counts of a service."""
    async with uow:
        await repository.keep_loads(uow.session, rows)
