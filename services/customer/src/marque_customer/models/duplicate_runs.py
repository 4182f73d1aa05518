"""Runs that find duplicates among all customers."""

from __future__ import annotations

import uuid
from datetime import datetime

from servicekit.ids import new_uuid
from sqlalchemy.orm import Mapped, mapped_column

from marque_customer.models.base import Model

WAITING, RUNNING, DONE, FAILED = 1, 2, 3, 4
UNENDED = (WAITING, RUNNING)


class DuplicateRun(Model):
    """One run; the database lets one at most wait or run."""

    __tablename__ = "duplicate_runs"

    run_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    state: Mapped[int] = mapped_column(default=WAITING)
    step: Mapped[str] = mapped_column(default="")
    merged: Mapped[int] = mapped_column(default=0)
    queued: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    principal: Mapped[str]
    create_time: Mapped[datetime]
    start_time: Mapped[datetime | None]
    end_time: Mapped[datetime | None]

    def begin(self, moment: datetime) -> None:
        """Is begun, for the first time or again."""
        self.state, self.attempts = RUNNING, self.attempts + 1
        self.start_time = self.start_time or moment

    def reach(self, step: str, merged: int | None, queued: int | None) -> None:
        """Is at a step; what was merged and queued is said where the step tells it."""
        self.step = step
        self.merged = self.merged if merged is None else merged
        self.queued = self.queued if queued is None else queued

    def finish(self, moment: datetime, *, failed: bool) -> None:
        """Is done, or has failed."""
        self.state, self.end_time = FAILED if failed else DONE, moment
