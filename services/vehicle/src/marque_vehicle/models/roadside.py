"""Help on the road. States are the numbers of the contract's enums."""

from __future__ import annotations

import uuid
from datetime import datetime

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from marque_vehicle import errors
from marque_vehicle.models.base import Model


class RoadsideCase(Aggregate, Model):
    """A car that needs help: requested → dispatched → arrived → finished, or cancelled before help is there."""

    __tablename__ = "roadside_cases"

    REQUESTED, DISPATCHED, ARRIVED, FINISHED, CANCELLED = range(1, 6)

    case_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    vin: Mapped[str] = mapped_column(String(17))
    customer_id: Mapped[uuid.UUID | None]
    phone: Mapped[str]
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    place: Mapped[str] = mapped_column(default="")
    problem: Mapped[int]
    note: Mapped[str] = mapped_column(default="")
    state: Mapped[int] = mapped_column(default=REQUESTED)
    dealer_id: Mapped[uuid.UUID | None]
    distance_metres: Mapped[int] = mapped_column(default=0)
    request_time: Mapped[datetime]
    dispatch_time: Mapped[datetime | None]
    arrive_time: Mapped[datetime | None]
    finish_time: Mapped[datetime | None]
    outcome: Mapped[int] = mapped_column(default=0)
    cancel_reason: Mapped[str] = mapped_column(default="")
    repair_order_id: Mapped[uuid.UUID | None]

    def _require(self, *states: int) -> None:
        if self.state not in states:
            raise errors.RoadsideStateWrong()

    def dispatch(self, dealer_id: uuid.UUID, metres: int, moment: datetime) -> None:
        """Sends a dealer, or another one. Raises RoadsideStateWrong."""
        self._require(self.REQUESTED, self.DISPATCHED)
        self.state, self.dispatch_time = self.DISPATCHED, moment
        self.dealer_id, self.distance_metres = dealer_id, metres

    def arrive(self, moment: datetime) -> None:
        """Says that help is there. Raises RoadsideStateWrong."""
        self._require(self.DISPATCHED)
        self.state, self.arrive_time = self.ARRIVED, moment

    def finish(self, outcome: int, repair_order_id: uuid.UUID | None, moment: datetime) -> None:
        """Says that it is over; who was sent may have found nobody. Raises RoadsideStateWrong."""
        self._require(self.DISPATCHED, self.ARRIVED)
        self.state, self.finish_time = self.FINISHED, moment
        self.outcome, self.repair_order_id = outcome, repair_order_id

    def cancel(self, reason: str, moment: datetime) -> None:
        """Calls it off, before help is there. Raises RoadsideStateWrong."""
        self._require(self.REQUESTED, self.DISPATCHED)
        self.state, self.finish_time, self.cancel_reason = self.CANCELLED, moment, reason

    def forget(self) -> None:
        """Lets go of who called from where."""
        self.phone, self.place, self.note = "", "", ""
        self.latitude = self.longitude = None
