"""Visits of the maker's people to dealers."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import Date, ForeignKey, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_network.errors import VisitEnded
from marque_network.models.base import Change, Model

# What may still be written when the visit took place.
REPORT = frozenset({"agenda", "measures", "actions", "summary"})


class DealerVisit(Aggregate, Model):
    """A visit. Agenda and measures are the contract's messages as JSON; actions are rows of their own."""

    __tablename__ = "dealer_visits"

    PLANNED, COMPLETED, CANCELLED = 1, 2, 3

    visit_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    dealer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dealers.dealer_id"))
    kind: Mapped[int]
    state: Mapped[int] = mapped_column(default=PLANNED)
    visitor_staff_ids: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))
    contact_ids: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))
    planned_time: Mapped[datetime]
    visit_time: Mapped[datetime | None]
    agenda: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    measures: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    summary: Mapped[str] = mapped_column(Text, default="")
    cancel_reason: Mapped[str] = mapped_column(Text, default="")

    def check_planned(self) -> None:
        """Raises VisitEnded for one that took place or was called off."""
        if self.state != self.PLANNED:
            raise VisitEnded()

    def change(self, change: Change) -> None:
        """Takes new values. Raises VisitEnded for a cancelled one, and for plans of one that took place."""
        if self.state == self.CANCELLED or (self.state == self.COMPLETED and not set(change.fields) <= REPORT):
            raise VisitEnded()
        self.report(change.values)
        self.touch()

    def report(self, values: Mapping[str, Any]) -> None:
        """Writes parts of the visit."""
        for name, value in values.items():
            setattr(self, name, value)

    def complete(self, at: datetime) -> None:
        """Says that it took place. Raises VisitEnded."""
        self.check_planned()
        self.state, self.visit_time = self.COMPLETED, at

    def cancel(self, reason: str) -> None:
        """Calls it off. Raises VisitEnded."""
        self.check_planned()
        self.state, self.cancel_reason = self.CANCELLED, reason


class DealerVisitAction(Model):
    """What somebody promised on a visit."""

    __tablename__ = "dealer_visit_actions"

    visit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dealer_visits.visit_id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    dealer_id: Mapped[uuid.UUID]
    title: Mapped[str] = mapped_column(Text)
    owner_staff_id: Mapped[uuid.UUID | None]
    due_date: Mapped[date] = mapped_column(Date)
    done_time: Mapped[datetime | None]
    done_by: Mapped[str] = mapped_column(Text, default="")

    def finish(self, at: datetime, principal: str) -> bool:
        """Says that it is done; tells whether that is new."""
        if self.done_time is not None:
            return False
        self.done_time, self.done_by = at, principal
        return True
