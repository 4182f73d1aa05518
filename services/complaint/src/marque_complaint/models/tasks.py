"""Tasks of cases' teams, and the steps of ladders. Numbers are those of the contract's enums."""

from __future__ import annotations

import uuid
from datetime import datetime

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy.orm import Mapped, mapped_column

from marque_complaint.errors import CaseTaskFinished
from marque_complaint.models.base import Model
from marque_complaint.rules import tasks


class CaseStep(Model):
    """A step of a ladder as it was computed last. `act_time`: it was taken, once for the run of its clock that began at `start_time`."""

    __tablename__ = "case_steps"

    case_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    clock: Mapped[int] = mapped_column(primary_key=True)
    percent: Mapped[int] = mapped_column(primary_key=True)
    escalation: Mapped[int]
    start_time: Mapped[datetime]
    due_time: Mapped[datetime | None]
    act_time: Mapped[datetime | None]


class CaseTask(Aggregate, Model):
    """Something that somebody of a case's team does by a promised moment. Who changes it holds its case locked."""

    __tablename__ = "case_tasks"

    task_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    case_id: Mapped[uuid.UUID]
    kind: Mapped[int]
    purpose: Mapped[str]
    department: Mapped[str] = mapped_column(default="")
    dealer_id: Mapped[uuid.UUID | None]
    owner_staff_id: Mapped[uuid.UUID | None]
    due_time: Mapped[datetime]
    state: Mapped[int] = mapped_column(default=tasks.OPEN)
    late_time: Mapped[datetime | None]
    finish_time: Mapped[datetime | None]
    finish_staff_id: Mapped[uuid.UUID | None]
    finish_reason: Mapped[str] = mapped_column(default="")

    def promise(self, due_time: datetime) -> None:
        """Promises another moment: one that is broken again is told again. Raises CaseTaskFinished."""
        self._check_open()
        if due_time != self.due_time:
            self.due_time, self.late_time = due_time, None

    def give(self, owner_staff_id: uuid.UUID | None) -> None:
        """Gives it to somebody. Raises CaseTaskFinished."""
        self._check_open()
        self.owner_staff_id = owner_staff_id

    def finish(self, state: int, reason: str, staff_id: uuid.UUID | None, moment: datetime) -> None:
        """Ends it as done or dropped. Raises CaseTaskFinished."""
        self._check_open()
        self.state, self.finish_reason, self.finish_staff_id, self.finish_time = state, reason, staff_id, moment

    def _check_open(self) -> None:
        if self.state != tasks.OPEN:
            raise CaseTaskFinished()
