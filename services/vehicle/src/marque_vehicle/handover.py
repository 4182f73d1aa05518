"""What somebody who has left had at the vehicle service: open repair orders. Sales and closed orders stay theirs: that is what happened."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from servicekit.db.uow import UnitOfWork
from servicekit.handover import Moved, Successor

from marque_vehicle.repository import repair_orders as repository


class VehicleHandOver:
    """Implements `servicekit.handover.HandOver`."""

    async def move(self, uow: UnitOfWork, staff_id: uuid.UUID, successor: Successor, limit: int) -> Sequence[Moved]:
        """Gives open repair orders to other advisers."""
        moved = []
        for order in await repository.lock_open_of_adviser(uow.session, staff_id, limit):
            order.adviser_staff_id, order.adviser_employee_number = successor(), ""
            moved.append(Moved("vehicle.repair_order", str(order.repair_order_id), order.adviser_staff_id))
        return moved
