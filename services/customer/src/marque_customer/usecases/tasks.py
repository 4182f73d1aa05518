"""What is done with tasks."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_customer.errors import CustomerNotFound, LeadNotFound, TaskNotFound
from marque_customer.errors.calls import CallHeld
from marque_customer.models import Task
from marque_customer.repository import customers, lead_work
from marque_customer.repository import leads as lead_rows
from marque_customer.repository import tasks as repository
from marque_customer.usecases import campaign_calls


async def create(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Makes a task. Raises CustomerNotFound, LeadNotFound, CallNotWanted, InvalidArgument.

    The line of a campaign makes one task: asked for again, also long after the answer was forgotten, it is answered with that.
    """
    async with uow:
        send_id = values.get("send_id")
        if send_id is not None and (made := await repository.of_line(uow.session, send_id)) is not None:
            return await _answered(uow, made)
        lead_id, customer_id = values["lead_id"], values["customer_id"]
        if lead_id is not None:
            lead = await lead_rows.read(uow.session, uow.principal, lead_id)
            if lead is None:
                raise LeadNotFound(lead_id=lead_id)
            if customer_id not in (None, lead.customer_id):
                raise CustomerNotFound(customer_id=customer_id)
            values = {**values, "customer_id": lead.customer_id}
        elif customer_id is not None:
            customer = await customers.find(uow.session, uow.principal, customer_id)
            if customer is None:
                raise CustomerNotFound(customer_id=customer_id)
            customer.refuse_if_gone()
            await campaign_calls.refuse_withdrawn(uow, customer_id, values)
        await _check_staff(uow, values["staff_id"], values["dealer_id"], "task.staff_id", own=values.pop("own_staff"))
        task = Task(create_time=uow.now, **values)
        uow.add(task)
        await uow.flush()
        uow.audit("create", "task", str(task.task_id))
        return await _answered(uow, task)


async def complete(
    *,
    uow: UnitOfWork,
    task_id: uuid.UUID,
    etag: str,
    outcome: str,
    call_outcome: int,
    again_time: datetime | None = None,
) -> Any:
    """Says that a task is done. Raises TaskNotFound, TaskEnded, EtagMismatch, InvalidArgument."""
    async with uow:
        place = await campaign_calls.ledger_of(uow, task_id) if call_outcome == campaign_calls.NOT_AGAIN else None
        task = await _found(uow, task_id, etag)
        task.end_call(call_outcome)
        task.end(Task.DONE, outcome, uow.now)
        campaign_calls.check_again(call_outcome, again_time, uow.now)
        await campaign_calls.ended(uow, task, place, again_time)
        uow.audit("complete", "task", str(task_id))
        return await uow.answer(task)


async def cancel(*, uow: UnitOfWork, task_id: uuid.UUID, etag: str, reason: str) -> Any:
    """Calls a task off. Raises TaskNotFound, TaskEnded, EtagMismatch."""
    async with uow:
        task = await _found(uow, task_id, etag)
        task.end(Task.CANCELLED, reason, uow.now)
        if task.send_id is not None:
            task.end_call(campaign_calls.CANCELLED)
            await campaign_calls.ended(uow, task, None)
        uow.audit("cancel", "task", str(task_id))
        return await uow.answer(task)


async def reassign(*, uow: UnitOfWork, task_id: uuid.UUID, etag: str, staff_id: uuid.UUID) -> Any:
    """Gives a task to somebody else. Raises TaskNotFound, TaskEnded, CallHeld, EtagMismatch, InvalidArgument."""
    async with uow:
        task = await _found(uow, task_id, etag)
        await _check_staff(uow, staff_id, task.dealer_id, "staff_id")
        if await repository.is_held(uow.session, task_id):
            raise CallHeld()
        task.give_to(staff_id)
        uow.audit("reassign", "task", str(task_id), ("staff_id",))
        return await uow.answer(task)


async def _answered(uow: UnitOfWork, task: Task) -> Any:
    """Answers a task that is made for a campaign perhaps, which may be paused by now."""
    task.held = task.send_id is not None and await repository.is_held(uow.session, task.task_id)
    return await uow.answer(task)


async def _found(uow: UnitOfWork, task_id: uuid.UUID, etag: str) -> Task:
    task = await repository.locked(uow.session, uow.principal, task_id)
    if task is None:
        raise TaskNotFound(task_id=task_id)
    task.check_etag(etag)
    return task


async def _check_staff(
    uow: UnitOfWork, staff_id: uuid.UUID | None, dealer_id: uuid.UUID | None, path: str, *, own: bool = False
) -> None:
    """Refuses somebody who works elsewhere; callers without a record of staff may name themselves."""
    if staff_id is not None and not own and await lead_work.staff_dealer(uow.session, staff_id) != (True, dealer_id):
        raise InvalidArgument.of(path, "STAFF_UNKNOWN", "Name somebody who works for the dealer whose task it is.")
