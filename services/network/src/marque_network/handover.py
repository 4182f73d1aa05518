"""What somebody who has left had at the network service: work that was given to them, and the people whom they led."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from servicekit.db.uow import UnitOfWork
from servicekit.handover import Moved, Successor

from marque_network.usecases import hand_overs


class NetworkHandOver:
    """Implements `servicekit.handover.HandOver`."""

    async def move(self, uow: UnitOfWork, staff_id: uuid.UUID, successor: Successor, limit: int) -> Sequence[Moved]:
        """Gives assignments to others, or back to the queue; then the led to another leader."""
        moved = await hand_overs.move_assignments(uow, staff_id, successor, limit)
        return moved or await hand_overs.move_led(uow, staff_id, successor, limit)
