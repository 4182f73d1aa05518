"""What somebody who has left had at the customer service: open leads, open tasks and test drives to come go to their successors.

Relations and interactions name who caused or had them: that is what happened, and stays. Whoever takes a lead takes its customer with it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from servicekit.db.uow import UnitOfWork
from servicekit.handover import Moved, Successor

from marque_customer.repository import leads, tasks, test_drives
from marque_customer.usecases.leads import common

_LEAD, _TASK, _DRIVE = "customer.lead", "customer.task", "customer.test_drive"


class CustomerHandOver:
    """Implements `servicekit.handover.HandOver`."""

    async def move(self, uow: UnitOfWork, staff_id: uuid.UUID, successor: Successor, limit: int) -> Sequence[Moved]:
        """Moves leads first, then tasks and test drives; what goes to nobody is the dealer's, and on its manager's lists."""
        moved = []
        for lead in await leads.of_adviser(uow.session, staff_id, limit):
            lead.adviser_staff_id = successor()
            common.write_down(uow, lead, "HANDED_OVER")
            await uow.flush()
            if lead.dealer_id is not None:
                common.say_assigned(uow, lead)
            moved.append(Moved(_LEAD, str(lead.lead_id), lead.adviser_staff_id))
        for task in await tasks.of_staff(uow.session, staff_id, limit - len(moved)):
            task.give_to(successor())
            moved.append(Moved(_TASK, str(task.task_id), task.staff_id))
        for drive in await test_drives.of_staff(uow.session, staff_id, limit - len(moved)):
            drive.adviser_staff_id = successor()
            moved.append(Moved(_DRIVE, str(drive.test_drive_id), drive.adviser_staff_id))
        return moved
