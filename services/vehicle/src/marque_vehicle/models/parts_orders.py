"""Parts that stations order of warehouses. States are the numbers of the contract's enums."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from servicekit.db.base import Aggregate
from servicekit.errors import InvalidArgument
from servicekit.ids import new_uuid
from sqlalchemy.orm import Mapped, mapped_column

from marque_vehicle import errors
from marque_vehicle.models.base import Model


class PartsOrder(Aggregate, Model):
    """One part that was ordered, for stock or for a repair order that waits for it."""

    __tablename__ = "parts_orders"

    ORDERED, ARRIVED, CANCELLED = 1, 2, 3

    parts_order_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    dealer_id: Mapped[uuid.UUID]
    number: Mapped[str]
    warehouse_code: Mapped[str]
    part_number: Mapped[str]
    quantity: Mapped[str]
    repair_order_id: Mapped[uuid.UUID | None]
    state: Mapped[int] = mapped_column(default=ORDERED)
    order_time: Mapped[datetime]
    promised_date: Mapped[date | None]
    promise_changes: Mapped[int] = mapped_column(default=0)
    arrive_time: Mapped[datetime | None]
    cancel_reason: Mapped[str] = mapped_column(default="")

    def check_ordered(self) -> None:
        """Raises PartsOrderOver."""
        if self.state != self.ORDERED:
            raise errors.PartsOrderOver()

    def promise(self, day: date) -> bool:
        """Takes the day of arrival; tells whether it is another one. Raises PartsOrderOver, InvalidArgument."""
        self.check_ordered()
        if day < self.order_time.date():
            raise InvalidArgument.of("promised_date", "DATE_PAST", "The day lies before the order.")
        if day == self.promised_date:
            return False
        self.promise_changes += self.promised_date is not None
        self.promised_date = day
        return True

    def arrive(self, moment: datetime) -> None:
        """Says that it arrived. Raises PartsOrderOver, InvalidArgument."""
        self.check_ordered()
        if moment < self.order_time:
            raise InvalidArgument.of("arrive_time", "ARRIVED_BEFORE_ORDERED", "The part was ordered later than that.")
        self.state, self.arrive_time = self.ARRIVED, moment

    def cancel(self, reason: str) -> None:
        """Calls it off. Raises PartsOrderOver."""
        self.check_ordered()
        self.state, self.cancel_reason = self.CANCELLED, reason
