"""What somebody who has left had at the survey service: the call tasks that they took. Questionnaires and plans are the maker's."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from servicekit.db.uow import UnitOfWork
from servicekit.handover import Moved, Successor

from marque_survey.repository import calls as repository


class SurveyHandOver:
    """Implements `servicekit.handover.HandOver`."""

    async def move(self, uow: UnitOfWork, staff_id: uuid.UUID, successor: Successor, limit: int) -> Sequence[Moved]:
        """Gives tasks to others; those for whom nobody is found go back to the queue. What was called stays theirs."""
        moved = []
        for task in await repository.held(uow.session, staff_id, limit):
            task.hand_over(successor(), uow.now)
            moved.append(Moved("survey.call_task", str(task.call_task_id), task.agent_id))
        return moved
