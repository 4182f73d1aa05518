"""Tasks: what somebody promised to do, and by when."""

from __future__ import annotations

import uuid
from datetime import datetime

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy.orm import Mapped, mapped_column

from marque_customer.errors import TaskEnded
from marque_customer.models.base import Model


class Task(Aggregate, Model):
    """A task; without a dealer it is the maker's, without staff whoever's takes it."""

    __tablename__ = "tasks"
    OPEN, DONE, CANCELLED = 1, 2, 3
    ANSWER_LEAD, RECALL, CALL_BACK, DECIDE_DISCOUNT = 4, 5, 7, 8

    task_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    kind: Mapped[int]
    title: Mapped[str]
    customer_id: Mapped[uuid.UUID | None]
    lead_id: Mapped[uuid.UUID | None]
    dealer_id: Mapped[uuid.UUID | None]
    staff_id: Mapped[uuid.UUID | None]
    due_time: Mapped[datetime]
    state: Mapped[int] = mapped_column(default=OPEN)
    outcome: Mapped[str] = mapped_column(default="")
    end_time: Mapped[datetime | None]

    def end(self, state: int, outcome: str, moment: datetime) -> None:
        """Says that it is done, or not to be done any more. Raises TaskEnded."""
        self._require_open()
        self.state, self.outcome, self.end_time = state, outcome, moment

    def give_to(self, staff_id: uuid.UUID | None) -> None:
        """Gives it to somebody. Raises TaskEnded."""
        self._require_open()
        self.staff_id = staff_id

    def _require_open(self) -> None:
        if self.state != self.OPEN:
            raise TaskEnded(task_id=self.task_id)
