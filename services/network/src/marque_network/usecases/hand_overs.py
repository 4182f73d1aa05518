"""What is done to hand over: leaving with successors, and the steps until every service has nothing left."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

from marque.type.v1 import hand_over_pb2
from servicekit.db.base import now
from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import InvalidArgument, Unavailable
from servicekit.handover import Moved, Successor
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call

from marque_network.errors import StaffNotFound
from marque_network.models import Report
from marque_network.repository import hand_overs as repository
from marque_network.repository import staff as people
from marque_network.usecases.assignments import hand_on
from marque_network.usecases.leaving import leave
from marque_network.usecases.staff_news import tell_changed

# Calls that were under way when somebody left may still write in their name, and services hear of it a moment later: who has nothing left
# is asked once more after this long, before it is believed.
SETTLE = timedelta(seconds=10)
AGAIN = timedelta(seconds=5)
Ask = Callable[[str, hand_over_pb2.HandOverRequest], Awaitable[hand_over_pb2.HandOverResponse]]
"""(service, request) → its answer. Raises Unavailable, or what the service answered."""


async def leave_staff(*, uow: UnitOfWork, staff_id: uuid.UUID, etag: str, successors: Sequence[uuid.UUID]) -> Any:
    """Lets somebody go and begins to hand over what they had."""
    async with uow:
        staff = await people.get_staff(uow.session, uow.principal, staff_id)
        if staff is None:
            raise StaffNotFound(staff_id=staff_id)
        staff.check_etag(etag)
        staff.check_present()
        if set(successors) - await repository.colleagues(uow.session, staff, successors):
            raise InvalidArgument.of(
                "successor_staff_ids", "SUCCESSOR_UNKNOWN", "A successor must work at the same employer."
            )
        made = await leave(uow, staff, successors=successors)
        uow.audit("leave", "staff", str(staff_id), ("status",))
        return await uow.answer(Report(made, await repository.steps(uow.session, made.hand_over_id)))


async def sweep(*, work: Work, ask: Ask) -> bool:
    """Does the next step of a hand-over; tells whether there was one. The service is asked outside every transaction."""
    async with work.read() as session:
        found = await repository.next_step(session, now())
    if found is None:
        return False
    request = hand_over_pb2.HandOverRequest(
        hand_over_id=str(found.hand_over_id),
        from_staff_id=str(found.staff_id),
        successor_staff_ids=[str(one) for one in found.successors],
        after_position=found.position,
    )
    try:
        answer = await ask(found.service, request)
    except Exception as error:
        await _put_off(work, found, "DEPENDENCY_UNAVAILABLE" if isinstance(error, Unavailable) else "SERVICE_FAILED")
    else:
        await _take(work, found, answer)
    return True


async def _take(work: Work, found: Any, answer: hand_over_pb2.HandOverResponse) -> None:
    """Writes what a service answered into the report; an answer that another replica took first changes nothing."""
    async with (uow := work(Call(SYSTEM, "hand_over"))):
        step = await repository.lock_step(uow.session, found.hand_over_id, found.service)
        if step.position != found.position or step.end_time is not None:
            return
        await repository.keep_items(uow.session, [_item(found, row) for row in answer.rows])
        if answer.rows:
            refused = sum(1 for row in answer.rows if row.reason)
            step.take(answer.rows[-1].position, len(answer.rows) - refused, refused)
        elif answer.done and uow.now >= found.create_time + SETTLE:
            step.end_time, step.failure = uow.now, ""
        else:
            step.put_off("", found.create_time + SETTLE)
        await uow.flush()
        await repository.end_if_done(uow.session, found.hand_over_id, uow.now)


async def _put_off(work: Work, found: Any, failure: str) -> None:
    async with (uow := work(Call(SYSTEM, "hand_over"))):
        step = await repository.lock_step(uow.session, found.hand_over_id, found.service)
        step.put_off(failure, uow.now + AGAIN)


def _item(found: Any, row: hand_over_pb2.HandedOver) -> dict[str, Any]:
    return {
        "hand_over_id": found.hand_over_id,
        "service": found.service,
        "position": row.position,
        "kind": row.kind,
        "key": row.key,
        "to_staff_id": uuid.UUID(row.to_staff_id) if row.to_staff_id else None,
        "reason": row.reason,
    }


async def move_assignments(uow: UnitOfWork, staff_id: uuid.UUID, successor: Successor, limit: int) -> Sequence[Moved]:
    """Gives work to others; without a successor it goes back to the queue, which looks for somebody."""
    moved = []
    for found in await repository.lock_assignments_of(uow.session, staff_id, limit):
        to = successor()
        await hand_on(uow, found, to)
        moved.append(Moved("network.assignment", str(found.assignment_id), to))
    return moved


async def move_led(uow: UnitOfWork, staff_id: uuid.UUID, successor: Successor, limit: int) -> Sequence[Moved]:
    """Gives the people whom somebody led to another leader: a successor who is not one of them or led by them, else nobody."""
    moved = []
    for one in await repository.lock_led_by(uow.session, staff_id, limit):
        to = successor()
        if to is not None and one.staff_id in await people.chain_above(uow.session, [to]):
            to = None
        one.manager_staff_id = to
        await tell_changed(uow, one, ("manager_staff_id",))
        moved.append(Moved("network.staff", str(one.staff_id), to))
    return moved
