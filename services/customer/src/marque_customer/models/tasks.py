"""Tasks: what somebody promised to do, and by when."""

from __future__ import annotations

import uuid
from datetime import datetime

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from marque_customer.errors import TaskEnded
from marque_customer.errors.calls import call_outcome_missing, call_outcome_not_used
from marque_customer.models.base import Model


class Task(Aggregate, Model):
    """A task; without a dealer it is the maker's, without staff whoever's takes it.

    `send_id` is the line of a campaign's ledger whose call it is, with the campaign, the purpose of the consent by which the person is
    called (0 for none), what is said, and what came of it. `held` is told beside a row that is read: its campaign is paused, and nobody
    has taken the call.
    """

    __tablename__ = "tasks"
    OPEN, DONE, CANCELLED = 1, 2, 3
    ANSWER_LEAD, RECALL, CALL_BACK, DECIDE_DISCOUNT, CAMPAIGN_CALL = 4, 5, 7, 8, 9
    held = False

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
    send_id: Mapped[uuid.UUID | None]
    campaign_id: Mapped[uuid.UUID | None]
    purpose: Mapped[int] = mapped_column(default=0)
    script: Mapped[str] = mapped_column(default="")
    call_outcome: Mapped[int] = mapped_column(default=0)

    def end(self, state: int, outcome: str, moment: datetime) -> None:
        """Says that it is done, or not to be done any more. Raises TaskEnded."""
        self._require_open()
        self.state, self.outcome, self.end_time = state, outcome, moment

    def end_call(self, outcome: int) -> None:
        """Notes what came of the call of a campaign; 0 for a task that is none. Raises InvalidArgument."""
        if self.kind != self.CAMPAIGN_CALL and outcome:
            raise call_outcome_not_used()
        if self.kind == self.CAMPAIGN_CALL and not outcome:
            raise call_outcome_missing()
        self.call_outcome = outcome

    def give_to(self, staff_id: uuid.UUID | None) -> None:
        """Gives it to somebody. Raises TaskEnded."""
        self._require_open()
        self.staff_id = staff_id

    def _require_open(self) -> None:
        if self.state != self.OPEN:
            raise TaskEnded(task_id=self.task_id)


class KnownCampaign(Model):
    """Whether a campaign of the campaign service is paused."""

    __tablename__ = "known_campaigns"

    campaign_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    paused: Mapped[bool]
    heard_version: Mapped[int] = mapped_column(BigInteger)
