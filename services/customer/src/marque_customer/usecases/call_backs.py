"""A call that nobody answered becomes a task, once, for whom network finds; the task ends when somebody speaks with the caller."""

from __future__ import annotations

import uuid
from datetime import timedelta

import grpc.aio
from servicekit.db.uow import UnitOfWork, Work
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.telemetry import logs

from marque_customer.clients import Network
from marque_customer.models import CallBack, PhoneCall, Task
from marque_customer.repository import call_backs as repository
from marque_customer.rules.calls import MISSED

log = logs.get_logger(__name__)
_WITHIN, _AGAIN = timedelta(hours=1), timedelta(minutes=10)
_AT_ONCE = 50
_CALL = "sweep:call-backs"


async def follow(uow: UnitOfWork, row: PhoneCall, before: int) -> None:
    """Takes that a call is in another state than before; its row must be locked.

    A call that is missed makes a task: events may come in any order, so one that turns out to have been answered takes it back. Once
    somebody speaks with the caller, from either side and over the same dealer's lines, the calls missed before need no call back.
    """
    if row.state == before:
        return
    if row.state == MISSED:
        await _begin(uow, row)
    elif row.answer_time is not None:
        if before == MISSED:
            for task in await repository.of_call(uow.session, row.call_id):
                task.end(Task.CANCELLED, "", uow.now)
        if row.number:
            for task in await repository.answered_by(uow.session, row):
                task.end(Task.DONE, "", uow.now)


async def _begin(uow: UnitOfWork, row: PhoneCall) -> None:
    task = Task(
        kind=Task.CALL_BACK,
        title="Call back: nobody answered",
        customer_id=row.customer_id,
        dealer_id=row.dealer_id,
        due_time=uow.now + _WITHIN,
        create_time=uow.now,
    )
    uow.add(task)
    await uow.flush()
    uow.add(
        CallBack(
            task_id=task.task_id,
            call_id=row.call_id,
            number=row.number,
            dealer_id=row.dealer_id,
            customer_id=row.customer_id,
            assign_time=uow.now,
            create_time=uow.now,
        )
    )


async def sweep(*, work: Work, network: Network | None) -> bool:
    """Finds who calls back, and forgets what is done with; returns whether more may be left. Raises Unavailable while network is away."""
    over = await repository.over(work.reader, _AT_ONCE)
    if network:
        for row in over:
            if row["assignment_id"] is not None:
                await network.end(row["assignment_id"])
    if over:
        async with work(Call(SYSTEM, _CALL)) as uow:
            await repository.forget(uow.session, [row["task_id"] for row in over])
    rows = await repository.waiting(work.reader, _AT_ONCE) if network else []
    for row in rows:
        assert network is not None
        await _assign(work, network, row["task_id"], row["dealer_id"])
    return len(over) == _AT_ONCE or len(rows) == _AT_ONCE


async def _assign(work: Work, network: Network, task_id: uuid.UUID, dealer_id: uuid.UUID | None) -> None:
    try:
        assignment_id, staff_id = await network.assign_call_back(task_id, dealer_id)
    except grpc.aio.AioRpcError as error:  # an answer about this call: it must not keep the others waiting
        log.warning("nobody can be found to call back", extra={"task_id": str(task_id), "code": error.code().name})
        async with work(Call(SYSTEM, _CALL)) as uow:
            await repository.note(uow.session, task_id, {"assign_time": uow.now + _AGAIN})
        return
    async with work(Call(SYSTEM, _CALL)) as uow:
        await repository.note(uow.session, task_id, {"assign_time": None, "assignment_id": assignment_id})
        if staff_id is not None:
            await take_staff(uow, task_id, staff_id)


async def take_staff(uow: UnitOfWork, task_id: uuid.UUID, staff_id: uuid.UUID) -> None:
    """Notes whom network found; what was given by hand meanwhile, or is done, stays."""
    task = await repository.task(uow.session, task_id)
    if task is None or task.state != Task.OPEN or task.staff_id is not None:
        return
    task.give_to(staff_id)
    uow.audit("assign", "task", str(task_id), ("staff_id",))
