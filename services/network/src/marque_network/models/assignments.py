"""Pieces of work and who has them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import BigInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_network.models.base import Model


class Assignment(Aggregate, Model):
    """One piece of work. `state` is the contract's number, `need` the contract's AssignmentNeed as JSON, `reasons` are {code, detail}."""

    __tablename__ = "assignments"

    ASSIGNED, WAITING, ENDED = 1, 2, 3

    assignment_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    item_type: Mapped[str] = mapped_column(Text)
    item_id: Mapped[str] = mapped_column(Text)
    dealer_id: Mapped[uuid.UUID | None]
    need: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[int] = mapped_column(default=WAITING)
    staff_id: Mapped[uuid.UUID | None]
    reasons: Mapped[list[dict[str, str]]] = mapped_column(JSONB, default=list)
    escalation: Mapped[int] = mapped_column(default=0)
    assign_time: Mapped[datetime | None]
    end_time: Mapped[datetime | None]

    def give(self, staff_id: uuid.UUID, reasons: list[dict[str, str]], moment: datetime) -> None:
        """Gives it to somebody."""
        self.escalation = 0
        self.state, self.staff_id, self.reasons, self.assign_time = self.ASSIGNED, staff_id, reasons, moment

    def wait(self) -> None:
        """Puts it into the queue."""
        self.state, self.staff_id, self.reasons, self.assign_time = self.WAITING, None, [], None

    def end(self, moment: datetime) -> bool:
        """Ends it; tells whether it had not ended before."""
        if self.state == self.ENDED:
            return False
        self.state, self.end_time = self.ENDED, moment
        return True


class StaffPresence(Model):
    """Whether somebody is there, as last said; `version` counts the changes of the state."""

    __tablename__ = "staff_presences"

    staff_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    dealer_id: Mapped[uuid.UUID | None]
    state: Mapped[int]
    expire_time: Mapped[datetime]
    report_time: Mapped[datetime]

    def say(self, state: int, moment: datetime, expires: datetime) -> bool:
        """Takes what was said; tells whether that is a change: another state, or one after silence."""
        changed = state != self.state or self.expire_time < moment
        self.state, self.report_time, self.expire_time = state, moment, expires
        self.version += changed
        return changed


class StaffLoad(Model):
    """How much somebody has open at a service, as last counted there."""

    __tablename__ = "staff_loads"

    staff_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    service: Mapped[str] = mapped_column(Text, primary_key=True)
    open_items: Mapped[int]
    count_time: Mapped[datetime]
