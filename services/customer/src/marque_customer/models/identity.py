"""What each source said, which customers are merged, and which may be one."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from marque_customer.errors import DuplicateDecided
from marque_customer.models.base import Model
from marque_customer.rules.kinds import DECIDED, UNDECIDED


class SourceRecord(Model):
    """What one source said of a customer last: columns and `contact_points`; `older`: the fields said before that, [time, actor]."""

    __tablename__ = "source_records"

    customer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    dealer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    source_key: Mapped[str] = mapped_column(primary_key=True, default="")
    origin: Mapped[int]
    said: Mapped[dict[str, Any]] = mapped_column(JSONB)
    older: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    verified: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    first_time: Mapped[datetime]
    last_time: Mapped[datetime]
    actor: Mapped[str]


class CustomerMerge(Aggregate, Model):
    """That a customer was merged into another; `status_before` is what the merged one goes back to."""

    __tablename__ = "customer_merges"

    merge_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    customer_id: Mapped[uuid.UUID]
    merged_customer_id: Mapped[uuid.UUID]
    merge_time: Mapped[datetime]
    source: Mapped[int]
    reasons: Mapped[list[str]] = mapped_column(ARRAY(Text))
    actor: Mapped[str]
    status_before: Mapped[int]
    status_time_before: Mapped[datetime]
    unmerge_time: Mapped[datetime | None]
    unmerge_reason: Mapped[str] = mapped_column(default="")
    unmerge_actor: Mapped[str] = mapped_column(default="")

    def undo(self, moment: datetime, reason: str, actor: str) -> None:
        """Ends the merge."""
        self.unmerge_time, self.unmerge_reason, self.unmerge_actor = moment, reason, actor


class DuplicateCandidate(Aggregate, Model):
    """Two customers that may be one; `left_id` is the older one. `carried_by` is the merge that brought the pair here, or took it away."""

    __tablename__ = "duplicate_candidates"

    candidate_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    left_id: Mapped[uuid.UUID]
    right_id: Mapped[uuid.UUID]
    score: Mapped[float]
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    source: Mapped[int]
    state: Mapped[int] = mapped_column(default=1)
    decide_time: Mapped[datetime | None]
    decider: Mapped[str] = mapped_column(default="")
    review_time: Mapped[datetime | None]
    merge_id: Mapped[uuid.UUID | None]
    carried_by: Mapped[uuid.UUID | None]

    def refuse_if_decided(self) -> None:
        """Raises DuplicateDecided where a decision stands."""
        if self.state not in UNDECIDED:
            raise DuplicateDecided(decision=DECIDED.get(self.state, ""), decide_time=self.decide_time or "")

    def decide(self, state: int, moment: datetime, decider: str, *, review_time: datetime | None = None) -> None:
        """Records a decision. Raises DuplicateDecided where another one stands."""
        self.refuse_if_decided()
        self.state, self.decide_time, self.decider, self.review_time = state, moment, decider, review_time
