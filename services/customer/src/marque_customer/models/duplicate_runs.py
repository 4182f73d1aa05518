"""Runs that find duplicates among all customers."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from servicekit.ids import new_uuid
from sqlalchemy.orm import Mapped, mapped_column

from marque_customer.models.base import Model

WAITING, RUNNING, DONE, FAILED = 1, 2, 3, 4
UNENDED = (WAITING, RUNNING)
LINKER_FAILED, NOT_TAKEN_UP, ABANDONED = "LINKER_FAILED", "NOT_TAKEN_UP", "ABANDONED"
GOES_ON = timedelta(days=1)


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
    failure: Mapped[str] = mapped_column(default="")

    def begin(self, moment: datetime) -> None:
        """Is begun, for the first time or again."""
        self.state, self.attempts = RUNNING, self.attempts + 1
        self.start_time = self.start_time or moment

    def reach(self, step: str, merged: int | None, queued: int | None) -> None:
        """Is at a step; what was merged and queued is said where the step tells it."""
        self.step = step
        self.merged = self.merged if merged is None else merged
        self.queued = self.queued if queued is None else queued

    def finish(self, moment: datetime) -> None:
        """Is done."""
        self.state, self.end_time = DONE, moment

    def fail(self, moment: datetime, failure: str) -> None:
        """Has failed, and why, as a constant."""
        self.state, self.end_time, self.failure = FAILED, moment, failure

    def given_up(self, moment: datetime, wait: timedelta) -> str:
        """Returns why nobody will end it any more, where nobody is at it now; empty while somebody may.

        Begun, it may be gone on with for a day: then what its folder holds is forgotten (due.duplicates).
        """
        if self.state == WAITING:
            return NOT_TAKEN_UP if moment - self.create_time > wait else ""
        begun = self.start_time or self.create_time
        return ABANDONED if moment - begun > GOES_ON else ""
