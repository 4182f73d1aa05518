"""What somebody who has left had at the complaint service: open cases and open tasks. What is closed or done stays theirs."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from servicekit.db.uow import UnitOfWork
from servicekit.handover import Moved, Successor

from marque_complaint import events
from marque_complaint.repository import personal as repository
from marque_complaint.repository import tasks
from marque_complaint.usecases import common


class ComplaintHandOver:
    """Implements `servicekit.handover.HandOver`."""

    async def move(self, uow: UnitOfWork, staff_id: uuid.UUID, successor: Successor, limit: int) -> Sequence[Moved]:
        """Gives open cases to others; those for whom nobody is found go back to the queue, so that none is stranded."""
        moved = []
        for case in await repository.lock_handled(uow.session, staff_id, limit):
            case.handler_staff_id = successor()
            if case.handler_staff_id is None and case.dealer_id is not None:
                case.assign_time = uow.now
            common.write_down(uow, case, "ASSIGNED" if case.handler_staff_id else "QUEUED", "HAND_OVER")
            await uow.flush()
            uow.emit(events.case_assigned(case), of=case)
            moved.append(Moved("complaint.case", str(case.case_id), case.handler_staff_id))
        for task in await tasks.owned(uow.session, staff_id, limit - len(moved)) if len(moved) < limit else ():
            task.give(successor())
            await uow.flush()
            uow.audit("move", "case_task", str(task.task_id), ("owner_staff_id",))
            moved.append(Moved("complaint.case_task", str(task.task_id), task.owner_staff_id))
        return moved
