"""The tables of the network service, with their behaviour."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from servicekit.db.base import Aggregate, Base, metadata
from servicekit.ids import new_uuid
from sqlalchemy import BigInteger, ForeignKey, Integer, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_network.errors import DealerClosed, ManagerCircle, StaffLeft
from marque_network.rules import findable


class Model(Base):
    """Base of the network service's tables."""

    __abstract__ = True
    metadata = metadata()


@dataclass(frozen=True, slots=True)
class Change:
    """What a patch does to a row: the new values of columns, and the contract's names of the fields that differ."""

    values: Mapping[str, Any]
    fields: tuple[str, ...]


class Dealer(Aggregate, Model):
    """A dealer or a service station. Numbers of enums are the contract's, degrees are WGS 84."""

    __tablename__ = "dealers"

    PLANNED, ACTIVE, SUSPENDED, CLOSED = 1, 2, 3, 4

    dealer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    code: Mapped[str] = mapped_column(Text)
    names: Mapped[dict[str, str]] = mapped_column(JSONB)
    kinds: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    channel_type: Mapped[int] = mapped_column(default=0)
    group_code: Mapped[str] = mapped_column(Text, default="")
    region_code: Mapped[str] = mapped_column(Text, default="")
    brands: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    address: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    phone: Mapped[str] = mapped_column(Text, default="")
    email: Mapped[str] = mapped_column(Text, default="")
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    time_zone: Mapped[str] = mapped_column(Text)
    status: Mapped[int] = mapped_column(default=PLANNED)
    open_date: Mapped[date | None]
    close_date: Mapped[date | None]
    service_bays: Mapped[int] = mapped_column(default=0)
    search_text: Mapped[str] = mapped_column(Text)
    search_tokens: Mapped[list[str]] = mapped_column(ARRAY(Text))

    @classmethod
    def open(cls, values: Mapping[str, Any]) -> Dealer:
        """Makes a new dealer that can be found."""
        dealer = cls(**values)
        dealer.index()
        return dealer

    def change(self, change: Change) -> None:
        """Takes new values. Raises DealerClosed where a closed dealer would work again."""
        if self.status == self.CLOSED and change.values.get("status", self.CLOSED) != self.CLOSED:
            raise DealerClosed(dealer_id=self.dealer_id)
        for name, value in change.values.items():
            setattr(self, name, value)
        self.index()

    def index(self) -> None:
        """Writes what the dealer is found by."""
        found = findable.dealer_document(self.code, self.names, self.address)
        self.search_text, self.search_tokens = found.text, found.tokens


class WorkCalendar(Model):
    """One version of the hours of a dealer or a department (`rules.hours.Hours`); never changed.

    `change_number` counts all versions of the dealer, departments together: the aggregate version of `CalendarChanged`.
    """

    __tablename__ = "work_calendars"

    dealer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dealers.dealer_id"), primary_key=True)
    department: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    change_number: Mapped[int] = mapped_column(BigInteger)
    time_zone: Mapped[str] = mapped_column(Text)
    week: Mapped[dict[str, list[str]]] = mapped_column(JSONB)
    holiday_country: Mapped[str] = mapped_column(Text)
    exceptions: Mapped[dict[str, dict[str, Any]]] = mapped_column(JSONB)
    create_time: Mapped[datetime]


class Staff(Aggregate, Model):
    """Somebody who works at a dealer, or at the maker (no dealer). `status` is the contract's number."""

    __tablename__ = "staff"

    ACTIVE, ON_LEAVE, LEFT = 1, 2, 3

    staff_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    subject: Mapped[str] = mapped_column(Text, default="")
    employee_number: Mapped[str] = mapped_column(Text)
    dealer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("dealers.dealer_id"))
    region_code: Mapped[str] = mapped_column(Text, default="")
    group_code: Mapped[str] = mapped_column(Text, default="")
    family_name: Mapped[str] = mapped_column(Text, default="")
    given_name: Mapped[str] = mapped_column(Text, default="")
    full_name: Mapped[str] = mapped_column(Text)
    latin_name: Mapped[str] = mapped_column(Text, default="")
    phone: Mapped[str] = mapped_column(Text, default="")
    email: Mapped[str] = mapped_column(Text, default="")
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    status: Mapped[int] = mapped_column(default=ACTIVE)
    manager_staff_id: Mapped[uuid.UUID | None]
    search_text: Mapped[str] = mapped_column(Text)
    search_tokens: Mapped[list[str]] = mapped_column(ARRAY(Text))

    @classmethod
    def hire(cls, values: Mapping[str, Any]) -> Staff:
        """Makes a new member of staff who can be found."""
        staff = cls(**values)
        staff.index()
        return staff

    def check_present(self) -> None:
        """Raises StaffLeft for somebody who has left."""
        if self.status == self.LEFT:
            raise StaffLeft(staff_id=self.staff_id)

    def check_led_by(self, chain: list[uuid.UUID]) -> None:
        """Raises ManagerCircle where this person stands among those who lead the new manager."""
        if self.staff_id in chain:
            raise ManagerCircle(staff_id=self.staff_id)

    def change(self, change: Change) -> None:
        """Takes new values. Raises StaffLeft."""
        self.check_present()
        for name, value in change.values.items():
            setattr(self, name, value)
        self.index()

    def index(self) -> None:
        """Writes what the person is found by."""
        found = findable.staff_document(self.employee_number, (self.full_name, self.latin_name or ""), self.email or "")
        self.search_text, self.search_tokens = found.text, found.tokens
