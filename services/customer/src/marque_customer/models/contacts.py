"""How often people are contacted, and calls."""

from __future__ import annotations

import uuid
from datetime import datetime

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy.orm import Mapped, mapped_column

from marque_customer.errors import CallWrappedUp
from marque_customer.models.base import Model


class ContactRule(Aggregate, Model):
    """How often and when people are contacted, by channel class and purpose; 0 stands for every one. Minutes are of the person's day."""

    __tablename__ = "contact_rules"

    channel_class: Mapped[int] = mapped_column(primary_key=True)
    purpose: Mapped[int] = mapped_column(primary_key=True)
    most_per_day: Mapped[int | None]
    quiet_start_minute: Mapped[int | None]
    quiet_end_minute: Mapped[int | None]
    repeat_days: Mapped[int] = mapped_column(default=0)
    held_by_complaint: Mapped[bool] = mapped_column(default=False)
    actor: Mapped[str]


class UnreachablePlace(Model):
    """A postal address of a customer at which nothing arrives, by what tells it from others (`rules.permits.place_of`)."""

    __tablename__ = "unreachable_places"

    customer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    place_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    unreachable_time: Mapped[datetime]
    unreachable_reason: Mapped[str]
    unreachable_source: Mapped[str]


class PhoneCall(Aggregate, Model):
    """A telephone call, folded from what the telephone system told (`rules.calls`), with what its agents wrote.

    `staff_time` is when the present agent got it; `contact_permit_id` and `holding` are those of a call that was placed under a permit.
    """

    __tablename__ = "calls"

    call_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    provider: Mapped[str]
    provider_call_id: Mapped[str]
    state: Mapped[int]
    direction: Mapped[int]
    number: Mapped[str] = mapped_column(default="")
    line: Mapped[str] = mapped_column(default="")
    staff_id: Mapped[uuid.UUID | None]
    staff_time: Mapped[datetime | None]
    dealer_id: Mapped[uuid.UUID | None]
    customer_id: Mapped[uuid.UUID | None]
    note: Mapped[str] = mapped_column(default="")
    begin_time: Mapped[datetime]
    answer_time: Mapped[datetime | None]
    end_time: Mapped[datetime | None]
    recording: Mapped[str] = mapped_column(default="")
    transfers: Mapped[int] = mapped_column(default=0)
    interaction_id: Mapped[uuid.UUID | None]
    contact_permit_id: Mapped[uuid.UUID | None]
    holding: Mapped[int] = mapped_column(default=0)

    def refuse_if_wrapped_up(self) -> None:
        """Raises CallWrappedUp where the call is on the time line already."""
        if self.interaction_id is not None:
            raise CallWrappedUp()
