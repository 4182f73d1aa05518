"""Demo cars, and the drives that people take with them. States and outcomes are the numbers of the contract's enums."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from marque_customer.errors import showroom as errors
from marque_customer.models.base import Model


class DemoCar(Aggregate, Model):
    """A car that a dealer lets people drive; an active one stands in one fleet only."""

    __tablename__ = "demo_cars"

    demo_car_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    dealer_id: Mapped[uuid.UUID]
    vin: Mapped[str] = mapped_column(String(17))
    brand: Mapped[str] = mapped_column(default="")
    model: Mapped[str] = mapped_column(default="")
    trim: Mapped[str] = mapped_column(default="")
    active: Mapped[bool] = mapped_column(default=True)

    def change(self, values: dict[str, Any]) -> tuple[str, ...]:
        """Takes new values; returns the names of the fields that changed."""
        changed = tuple(name for name, value in values.items() if getattr(self, name) != value)
        for name in changed:
            setattr(self, name, values[name])
        return changed

    def require_active(self) -> None:
        """Raises DemoCarInactive."""
        if not self.active:
            raise errors.DemoCarInactive()


class TestDrive(Aggregate, Model):
    """One drive of one person with one car. While it is booked, confirmed or done, nobody else has the car in its time.

    One at an event (`event_registration_id`) is what the campaign service tells of who came, `told_version` the version of the registration
    as it was told last. It has no car of a fleet, where its dealer is the maker no dealer, and a lead only where the person had one.
    """

    __tablename__ = "test_drives"
    __test__ = False  # it is no test, whatever its name
    BOOKED, CONFIRMED, DONE, NO_SHOW, CANCELLED = range(1, 6)

    test_drive_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    lead_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("leads.lead_id"))
    customer_id: Mapped[uuid.UUID]
    dealer_id: Mapped[uuid.UUID | None]
    demo_car_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("demo_cars.demo_car_id"))
    vin: Mapped[str] = mapped_column(String(17))
    adviser_staff_id: Mapped[uuid.UUID | None]
    state: Mapped[int] = mapped_column(default=BOOKED)
    start_time: Mapped[datetime]
    end_time: Mapped[datetime]
    calendar_version: Mapped[int]
    moves: Mapped[int] = mapped_column(default=0)
    licence_check_time: Mapped[datetime | None]
    licence_check_staff_id: Mapped[uuid.UUID | None]
    outcome: Mapped[int] = mapped_column(default=0)
    note: Mapped[str] = mapped_column(default="")
    marketing_event_id: Mapped[uuid.UUID | None]
    event_registration_id: Mapped[uuid.UUID | None]
    told_version: Mapped[int] = mapped_column(BigInteger, default=0)

    @property
    def is_to_be_driven(self) -> bool:
        """Tells whether it is still agreed on."""
        return self.state in (self.BOOKED, self.CONFIRMED)

    def confirm(self) -> None:
        """Says that the person comes. Raises TestDriveOver, TestDriveConfirmed."""
        self.require_open()
        if self.state == self.CONFIRMED:
            raise errors.TestDriveConfirmed()
        self.state = self.CONFIRMED

    def move(self, car: DemoCar, start: datetime, end: datetime, calendar_version: int) -> datetime:
        """Takes another time or car, to be confirmed anew; returns when it was to begin before. Raises TestDriveOver."""
        self.require_open()
        former = self.start_time
        self.demo_car_id, self.vin, self.start_time, self.end_time = car.demo_car_id, car.vin, start, end
        self.state, self.calendar_version, self.moves = self.BOOKED, calendar_version, self.moves + 1
        return former

    def check_licence(self, staff_id: uuid.UUID | None, moment: datetime) -> bool:
        """Notes who saw the licence; tells whether that is news. Raises TestDriveOver."""
        self.require_open()
        if self.licence_check_time is not None:
            return False
        self.licence_check_time, self.licence_check_staff_id = moment, staff_id
        return True

    def complete(self, outcome: int, note: str, moment: datetime) -> None:
        """Says that the car was driven. Raises TestDriveOver, TestDriveToCome, LicenceNotChecked."""
        self._require_begun(moment)
        if self.licence_check_time is None:
            raise errors.LicenceNotChecked()
        self.state, self.outcome, self.note = self.DONE, outcome, note

    def miss(self, moment: datetime) -> None:
        """Says that nobody came. Raises TestDriveOver, TestDriveToCome."""
        self._require_begun(moment)
        self.state = self.NO_SHOW

    def cancel(self, reason: str) -> None:
        """Calls it off. Raises TestDriveOver."""
        self.require_open()
        self.state, self.note = self.CANCELLED, reason

    def attend(self, came: bool, vin: str, version: int) -> bool:
        """Takes what campaign tells of who came to an event; tells whether that is another state. Older words change nothing."""
        if version <= self.told_version:
            return False
        before, self.told_version = self.state, version
        self.state, self.vin = self.DONE if came else self.NO_SHOW, vin or self.vin
        return self.state != before

    def require_open(self) -> None:
        """Raises TestDriveOver."""
        if not self.is_to_be_driven:
            raise errors.TestDriveOver()

    def _require_begun(self, moment: datetime) -> None:
        self.require_open()
        if moment < self.start_time:
            raise errors.TestDriveToCome()
