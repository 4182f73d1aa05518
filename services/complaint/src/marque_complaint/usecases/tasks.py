"""Tasks of cases' teams: parts of the work, and what makes customers whole afterwards. The case is held locked, so its count holds."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_complaint import events
from marque_complaint.errors import (
    CaseNotFound,
    CaseStateNotAllowed,
    CaseTaskNotFound,
    CaseTasksFull,
    CaseTasksOpen,
)
from marque_complaint.models import Case, CaseTask
from marque_complaint.repository import clocks as staff
from marque_complaint.repository import tasks as repository
from marque_complaint.repository.scope import EVERYTHING, Scope
from marque_complaint.rules import kinds
from marque_complaint.rules import tasks as rules
from marque_complaint.usecases import common

DUE = "case-task"


async def add(*, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, values: dict[str, Any]) -> Any:
    """Adds a task. Raises CaseNotFound, CaseStateNotAllowed, CaseTasksFull, InvalidArgument."""
    _check_moment(uow, values["due_time"], "task.due_time")
    async with uow:
        case = await common.found(uow, scope, case_id)
        if not rules.may_begin(values["kind"], case.state, merged=case.merged_into_case_id is not None):
            raise CaseStateNotAllowed(verb="add_task", state=kinds.STATE_NAMES[case.state])
        if await repository.count_open(uow.session, case_id) >= rules.MOST_OPEN:
            raise CaseTasksFull(most=rules.MOST_OPEN)
        task = CaseTask(case_id=case_id, state=rules.OPEN, finish_reason="", **values)
        await _check_owner(uow, task.owner_staff_id, task.dealer_id, "task.owner_staff_id")
        uow.add(task)
        common.write_down(uow, case, "TASK_ADDED", values["purpose"])
        await uow.flush()
        await _count(uow, case, task.kind, 1)
        await uow.schedule(DUE, str(task.task_id), task.due_time)
        uow.audit("add", "case_task", str(task.task_id))
        return await uow.answer(task)


async def move(
    *,
    uow: UnitOfWork,
    scope: Scope,
    task_id: uuid.UUID,
    owner_staff_id: uuid.UUID | None,
    due_time: datetime | None,
    etag: str,
) -> Any:
    """Gives a task to somebody, or promises another moment. Raises CaseTaskNotFound, CaseTaskFinished, InvalidArgument, EtagMismatch."""
    async with uow:
        case, task = await _held(uow, scope, task_id, etag)
        await _check_owner(uow, owner_staff_id, task.dealer_id, "owner_staff_id")
        task.give(owner_staff_id)
        if due_time is not None and due_time != task.due_time:
            _check_moment(uow, due_time, "due_time")
            task.promise(due_time)
            await uow.schedule(DUE, str(task_id), due_time)
        common.write_down(uow, case, "TASK_MOVED", task.purpose)
        await uow.flush()
        uow.audit("move", "case_task", str(task_id), ("owner_staff_id", "due_time"))
        return await uow.answer(task)


async def finish(*, uow: UnitOfWork, scope: Scope, task_id: uuid.UUID, dropped: bool, reason: str, etag: str) -> Any:
    """Ends a task. Raises CaseTaskNotFound, CaseTaskFinished, InvalidArgument, EtagMismatch."""
    if dropped and not reason:
        raise InvalidArgument.of("reason", "REASON_MISSING", "Say why it is dropped, as a constant.")
    async with uow:
        case, task = await _held(uow, scope, task_id, etag)
        task.finish(rules.DROPPED if dropped else rules.DONE, reason, common.staff_of(uow), uow.now)
        common.write_down(uow, case, "TASK_DROPPED" if dropped else "TASK_DONE", task.purpose)
        await _count(uow, case, task.kind, -1)
        await uow.flush()
        uow.audit("finish", "case_task", str(task_id), ("state",))
        return await uow.answer(task)


async def end_open(uow: UnitOfWork, case: Case, reason: str) -> None:
    """Drops what is open of a case that is resolved, with the reason. Raises CaseTasksOpen where none is given."""
    if not case.open_task_count:
        return
    if not reason:
        raise CaseTasksOpen(count=case.open_task_count)
    for task in await repository.open_work(uow.session, case.case_id):
        task.finish(rules.DROPPED, reason, common.staff_of(uow), uow.now)
        common.write_down(uow, case, "TASK_DROPPED", task.purpose)
        uow.audit("finish", "case_task", str(task.task_id), ("state",))
    case.open_task_count = 0


async def carry(uow: UnitOfWork, case: Case, kept: Case) -> None:
    """Lets what is open of a case go on in the one into which it is merged."""
    await repository.carry(uow.session, case.case_id, kept.case_id)
    kept.open_task_count += case.open_task_count
    case.open_task_count = 0


async def tick(uow: UnitOfWork, key: str) -> datetime | None:
    """Tells, once, of a task that was not done by its promised moment; the claim, the mark and the event are one transaction."""
    task_id = uuid.UUID(key)
    case_id = await repository.case_of(uow.session, EVERYTHING, task_id)
    if case_id is None:
        return None
    try:
        case = await common.found(uow, EVERYTHING, case_id)
    except CaseNotFound:
        return None
    task = await repository.late(uow.session, task_id, uow.now)
    if task is not None:
        task.late_time = uow.now
        common.write_down(uow, case, "TASK_LATE", task.purpose)
        case.touch()
        await uow.flush()
        uow.emit(events.case_task_late(task), of=task)
        uow.audit("late", "case_task", key)
    return None


async def _held(uow: UnitOfWork, scope: Scope, task_id: uuid.UUID, etag: str) -> tuple[Case, CaseTask]:
    """The task in sight with its case locked, always in this order. A dealer may do a task of a case that it does not see."""
    case_id = await repository.case_of(uow.session, scope, task_id)
    if case_id is None:
        raise CaseTaskNotFound()
    case = await common.found(uow, EVERYTHING, case_id)
    task = await repository.lock(uow.session, task_id)
    if task is None or task.case_id != case_id:
        raise CaseTaskNotFound()
    task.check_etag(etag)
    return case, task


async def _count(uow: UnitOfWork, case: Case, kind: int, by: int) -> None:
    if kind == rules.WORK:
        case.open_task_count = max(0, case.open_task_count + by)
    case.touch()
    await uow.flush()


async def _check_owner(uow: UnitOfWork, staff_id: uuid.UUID | None, dealer_id: uuid.UUID | None, field: str) -> None:
    """Raises InvalidArgument where nobody of this id works for the maker or at the dealer who does the task."""
    if staff_id is None:
        return
    known, dealer = await staff.staff_dealer(uow.session, staff_id)
    if not known or (dealer is not None and dealer != dealer_id):
        raise InvalidArgument.of(field, "STAFF_NOT_FOUND", "Nobody of this id works there.")


def _check_moment(uow: UnitOfWork, moment: datetime, field: str) -> None:
    if moment <= uow.now:
        raise InvalidArgument.of(field, "TIME_INVALID", "Promise a moment to come.")
