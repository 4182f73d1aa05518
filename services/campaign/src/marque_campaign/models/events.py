"""Events that people register for. Numbers are those of the contract's enums; the rules are `rules.events` and `rules.seats`."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from marque_campaign.errors import (
    EventRegistrationStateNotAllowed,
    MarketingEventIncomplete,
    MarketingEventStateNotAllowed,
)
from marque_campaign.models.base import Model
from marque_campaign.rules import events as rules


class MarketingEvent(Aggregate, Model):
    """An event. Whoever changes it, its sessions or its registrations locks its row first, so that arrivals have one order.

    `arrivals` is the number of the last who came in, `moves` how often the place was changed; both are counted by statements of the
    repository and leave the version alone.
    """

    __tablename__ = "marketing_events"

    marketing_event_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    name: Mapped[str]
    kind: Mapped[int]
    dealer_id: Mapped[uuid.UUID | None]
    place: Mapped[str] = mapped_column(default="")
    time_zone: Mapped[str]
    open_time: Mapped[datetime | None]
    close_time: Mapped[datetime | None]
    cancel_hours: Mapped[int] = mapped_column(default=0)
    most_guests: Mapped[int] = mapped_column(default=0)
    state: Mapped[int] = mapped_column(default=rules.DRAFT)
    moves: Mapped[int] = mapped_column(default=0)
    arrivals: Mapped[int] = mapped_column(BigInteger, default=0)

    @property
    def window(self) -> rules.Window:
        """When people register and change."""
        return rules.Window(self.state, self.open_time, self.close_time, self.cancel_hours)

    def advance(self, state: int, *, now: datetime, starts: Sequence[datetime]) -> None:
        """Goes to a state. Raises MarketingEventStateNotAllowed, MarketingEventIncomplete."""
        if not rules.may_follow(self.state, state, now=now, starts=starts):
            raise MarketingEventStateNotAllowed(state=rules.STATE_NAMES[self.state])
        lacks = [name for name, there in (("place", self.place), ("sessions", starts)) if not there]
        if state == rules.OPEN and lacks:
            raise MarketingEventIncomplete(fields=", ".join(lacks))
        self.state = state

    def check_changeable(self) -> None:
        """Raises MarketingEventStateNotAllowed for one that is over."""
        if self.state not in rules.CHANGEABLE:
            raise MarketingEventStateNotAllowed(state=rules.STATE_NAMES[self.state])


class EventSession(Model):
    """A span of an event. `taken` seats are never more than there are: the database refuses it."""

    __tablename__ = "event_sessions"

    session_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    marketing_event_id: Mapped[uuid.UUID]
    start_time: Mapped[datetime]
    end_time: Mapped[datetime]
    capacity: Mapped[int]
    taken: Mapped[int] = mapped_column(default=0)
    moves: Mapped[int] = mapped_column(default=0)

    @property
    def free(self) -> int:
        """How many seats nobody has."""
        return self.capacity - self.taken


class EventRegistration(Aggregate, Model):
    """A person's registration, one for each event. `send_id` and `campaign_id` are of the message that brought the person."""

    __tablename__ = "event_registrations"

    registration_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    marketing_event_id: Mapped[uuid.UUID]
    session_id: Mapped[uuid.UUID]
    customer_id: Mapped[uuid.UUID]
    guests: Mapped[int] = mapped_column(default=0)
    state: Mapped[int]
    arrival: Mapped[int] = mapped_column(BigInteger)
    send_id: Mapped[uuid.UUID | None]
    campaign_id: Mapped[uuid.UUID | None]

    @property
    def seats(self) -> int:
        """How many seats it takes, or waits for."""
        return 1 + self.guests

    def settle(self, state: int, *, start: datetime, now: datetime) -> None:
        """Ends so. Raises EventRegistrationStateNotAllowed."""
        if not rules.may_settle(self.state, state, start, now):
            raise EventRegistrationStateNotAllowed(state=rules.REGISTRATION_NAMES[self.state])
        self.state = state
