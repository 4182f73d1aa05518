"""What somebody who has left had at the customer service: nothing that goes to others.

Relations and interactions name who caused or had them: that is what happened, and stays. What is still to be done for a customer
joins here with its tables.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from servicekit.db.uow import UnitOfWork
from servicekit.handover import Moved, Successor


class CustomerHandOver:
    """Implements `servicekit.handover.HandOver`."""

    async def move(self, uow: UnitOfWork, staff_id: uuid.UUID, successor: Successor, limit: int) -> Sequence[Moved]:
        """Moves nothing."""
        return ()
