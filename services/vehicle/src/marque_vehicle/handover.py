"""What somebody who has left had at the vehicle service: open repair orders and columns in diaries. Sales and closed orders stay
theirs: that is what happened."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from servicekit.db.uow import UnitOfWork
from servicekit.handover import Moved, Successor

from marque_vehicle.repository import diary
from marque_vehicle.repository import repair_orders as repository


class VehicleHandOver:
    """Implements `servicekit.handover.HandOver`."""

    async def move(self, uow: UnitOfWork, staff_id: uuid.UUID, successor: Successor, limit: int) -> Sequence[Moved]:
        """Gives open repair orders to other advisers, and what the leaver's column in a diary still holds; it takes no more."""
        moved = []
        for order in await repository.lock_open_of_adviser(uow.session, staff_id, limit):
            order.adviser_staff_id, order.adviser_employee_number = successor(), ""
            moved.append(Moved("vehicle.repair_order", str(order.repair_order_id), order.adviser_staff_id))
        for column in await diary.lock_advisers(uow.session, staff_id, max(0, limit - len(moved))):
            column.staff_id, column.active = successor(), False
            await diary.hand_on(uow.session, column.resource_id, column.staff_id, uow.now)
            moved.append(Moved("vehicle.service_resource", str(column.resource_id), column.staff_id))
        return moved
