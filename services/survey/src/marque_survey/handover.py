"""What somebody who has left had at the survey service: nothing that is theirs alone. Questionnaires and plans are the maker's."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from servicekit.db.uow import UnitOfWork
from servicekit.handover import Moved, Successor


class SurveyHandOver:
    """Implements `servicekit.handover.HandOver`."""

    async def move(self, uow: UnitOfWork, staff_id: uuid.UUID, successor: Successor, limit: int) -> Sequence[Moved]:
        """Finds nothing to give to others."""
        return ()
