"""Appointments of cars at stations, and what they take. Kinds and states are the numbers of the contract's enums."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.errors import InvalidArgument
from servicekit.ids import new_uuid
from sqlalchemy import String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_vehicle import errors
from marque_vehicle.models.base import Model


class DealerHours(Model):
    """One version of a dealer's working hours, as the network service told it. Versions never change, so rows never do."""

    __tablename__ = "dealer_hours"

    dealer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    department: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    time_zone: Mapped[str]
    week: Mapped[dict[str, list[str]]] = mapped_column(JSONB)
    holiday_country: Mapped[str]
    exceptions: Mapped[dict[str, list[str]]] = mapped_column(JSONB)
    heard_time: Mapped[datetime]


class ServiceResource(Aggregate, Model):
    """A bay, an adviser or a loan car of a station."""

    __tablename__ = "service_resources"

    BAY, ADVISER, LOAN_CAR = 1, 2, 3

    resource_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    dealer_id: Mapped[uuid.UUID]
    kind: Mapped[int]
    name: Mapped[str]
    staff_id: Mapped[uuid.UUID | None]
    vin: Mapped[str] = mapped_column(String(17), default="")
    active: Mapped[bool] = mapped_column(default=True)

    def change(self, values: dict[str, Any]) -> list[str]:
        """Takes new values and returns the names of the fields that changed. Raises InvalidArgument."""
        changed = [name for name, value in values.items() if getattr(self, name) != value]
        for name in changed:
            setattr(self, name, values[name])
        self.check_kind()
        return changed

    def check_kind(self) -> None:
        """Raises InvalidArgument where it names a person and is no adviser, or a car and is no loan car."""
        if self.staff_id is not None and self.kind != self.ADVISER:
            raise InvalidArgument.of(
                "service_resource.staff_id", "RESOURCE_KIND_MISMATCH", "Only an adviser is a member of staff."
            )
        if self.vin and self.kind != self.LOAN_CAR:
            raise InvalidArgument.of("service_resource.vin", "RESOURCE_KIND_MISMATCH", "Only a loan car has a VIN.")


class Appointment(Aggregate, Model):
    """A visit that was agreed on. What it takes stands in `resource_bookings` for as long as it is BOOKED or ARRIVED."""

    __tablename__ = "appointments"

    BOOKED, ARRIVED, CANCELLED, MISSED = 1, 2, 3, 4

    appointment_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    dealer_id: Mapped[uuid.UUID]
    vin: Mapped[str] = mapped_column(String(17))
    customer_id: Mapped[uuid.UUID | None]
    kind: Mapped[int]
    state: Mapped[int] = mapped_column(default=BOOKED)
    start_time: Mapped[datetime]
    end_time: Mapped[datetime]
    bay_id: Mapped[uuid.UUID | None]
    adviser_id: Mapped[uuid.UUID | None]
    adviser_staff_id: Mapped[uuid.UUID | None]
    loan_car: Mapped[bool] = mapped_column(default=False)
    loan_car_id: Mapped[uuid.UUID | None]
    wish: Mapped[str] = mapped_column(default="")
    calendar_department: Mapped[str]
    calendar_version: Mapped[int]
    remind_time: Mapped[datetime | None]
    reminded_time: Mapped[datetime | None]
    moves: Mapped[int] = mapped_column(default=0)
    arrive_time: Mapped[datetime | None]
    repair_order_id: Mapped[uuid.UUID | None]
    cancel_reason: Mapped[str] = mapped_column(default="")

    def check_to_come(self) -> None:
        """Raises AppointmentOver."""
        if self.state != self.BOOKED:
            raise errors.AppointmentOver()

    def cancel(self, reason: str) -> None:
        """Calls it off. Raises AppointmentOver."""
        self.check_to_come()
        self.state, self.cancel_reason = self.CANCELLED, reason

    def arrive(self, moment: datetime, repair_order_id: uuid.UUID | None) -> None:
        """Says that the car came: who is late comes all the same. Raises AppointmentOver."""
        if self.state not in (self.BOOKED, self.MISSED):
            raise errors.AppointmentOver()
        self.state, self.arrive_time, self.repair_order_id = self.ARRIVED, moment, repair_order_id

    def miss(self) -> None:
        """Says that nobody came. Raises AppointmentOver."""
        self.check_to_come()
        self.state = self.MISSED

    def move(self, start: datetime, end: datetime, calendar: tuple[str, int]) -> datetime:
        """Takes another time and returns the former beginning. Raises AppointmentOver."""
        self.check_to_come()
        former, self.start_time, self.end_time = self.start_time, start, end
        self.calendar_department, self.calendar_version = calendar
        self.moves += 1
        return former
