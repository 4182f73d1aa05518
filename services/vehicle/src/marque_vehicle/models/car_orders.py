"""Orders for cars, and what was said of them. Stages and states are the numbers of the contract's enums."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import BigInteger, String, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_vehicle import errors
from marque_vehicle.models.base import Model
from marque_vehicle.rules import plant as rules


class CarOrder(Aggregate, Model):
    """A dealer's order for one car. `list_price` in minor units of `currency`; `promises` and `reached` are histories for reading."""

    __tablename__ = "car_orders"

    OPEN, DELIVERED, CANCELLED = 1, 2, 3

    order_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    order_code: Mapped[str]
    dealer_id: Mapped[uuid.UUID]
    customer_id: Mapped[uuid.UUID | None]
    model_code: Mapped[str]
    trim_code: Mapped[str]
    option_codes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    market: Mapped[str]
    order_date: Mapped[date]
    currency: Mapped[str] = mapped_column(default="")
    list_price: Mapped[int | None] = mapped_column(BigInteger)
    stage: Mapped[int] = mapped_column(default=rules.ORDERED)
    state: Mapped[int] = mapped_column(default=OPEN)
    stage_time: Mapped[datetime]
    vin: Mapped[str] = mapped_column(String(17), default="")
    plant: Mapped[str] = mapped_column(default="")
    station: Mapped[str] = mapped_column(default="")
    promised_date: Mapped[date | None]
    promises: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    reached: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    late: Mapped[bool] = mapped_column(default=False)
    lead_id: Mapped[uuid.UUID | None]
    quote_number: Mapped[str] = mapped_column(default="")
    tracking_code: Mapped[str]
    cancel_reason: Mapped[str] = mapped_column(default="")
    sale_id: Mapped[uuid.UUID | None]

    def check_open(self) -> None:
        """Raises CarOrderClosed."""
        if self.state != self.OPEN:
            raise errors.CarOrderClosed()

    def check_not_in_build(self) -> None:
        """Raises CarOrderClosed, CarOrderInBuild. A car that was ever in build is one, even if it was sent back."""
        self.check_open()
        if any(one["stage"] >= rules.BODY for one in self.reached):
            raise errors.CarOrderInBuild()

    def check_sellable(self, dealer_id: uuid.UUID, vin: str) -> None:
        """Raises CarOrderNotFound for an order of another dealer, CarOrderClosed, CarOrderOfAnotherCar."""
        if self.dealer_id != dealer_id:
            raise errors.CarOrderNotFound()
        if self.state == self.CANCELLED or self.sale_id is not None:
            raise errors.CarOrderClosed()
        if self.vin and self.vin != vin:
            raise errors.CarOrderOfAnotherCar()

    def change(self, values: dict[str, Any]) -> list[str]:
        """Takes new values and returns the names of the fields that changed."""
        changed = [name for name, value in values.items() if getattr(self, name) != value]
        for name in changed:
            setattr(self, name, values[name])
        return changed

    def cancel(self, reason: str) -> None:
        """Calls it off. Raises CarOrderClosed, CarOrderInBuild."""
        self.check_not_in_build()
        self.state, self.cancel_reason, self.late = self.CANCELLED, reason, False

    def progress(self, found: rules.Progress) -> list[str]:
        """Takes what the messages say together; returns the names of the fields that changed. A cancelled order stays as it was."""
        if self.state == self.CANCELLED:
            return []
        return self.change(
            {
                "stage": found.stage,
                "state": self.DELIVERED if found.stage == rules.DELIVERED else self.OPEN,
                "stage_time": found.stage_time or self.create_time,
                "vin": found.vin,
                "plant": found.plant,
                "station": found.station,
                "promised_date": found.promised_date,
                "promises": [{"date": day.isoformat(), "time": time.isoformat()} for day, time in found.promises],
                "reached": [{"stage": stage, "time": time.isoformat()} for stage, time in found.reached],
            }
        )

    @property
    def may_exchange(self) -> bool:
        """Tells whether its car may become another order's without a word of who got it: nobody has it yet."""
        return self.state == self.OPEN and self.sale_id is None

    @property
    def waits_for_car(self) -> bool:
        """Tells whether the car is still to come to the dealer."""
        return self.state == self.OPEN and self.stage < rules.AT_DEALER


class CarOrderLate(Model):
    """A promise that was told to be broken."""

    __tablename__ = "car_order_lates"

    order_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    promised_date: Mapped[date] = mapped_column(primary_key=True)
    tell_time: Mapped[datetime]


class PlantMessage(Model):
    """What was said of an order, by the plant, the dealer or a sale. Never changed but in `state` and `park_reason`."""

    __tablename__ = "plant_messages"

    APPLIED, PARKED = 1, 2
    PLANT, DEALER, SALE = 1, 2, 3  # sources

    message_id: Mapped[str] = mapped_column(primary_key=True)
    order_code: Mapped[str]
    stage: Mapped[int]
    reach_time: Mapped[datetime]
    promised_date: Mapped[date | None]
    vin: Mapped[str] = mapped_column(String(17))
    plant: Mapped[str]
    station: Mapped[str]
    source: Mapped[int]
    state: Mapped[int]
    park_reason: Mapped[str]
    receive_time: Mapped[datetime]


class ChannelDay(Model):
    """A dealer's stock and money at the end of a day; amounts in minor units of `currency`, None where unknown."""

    __tablename__ = "channel_days"

    dealer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    stock_count: Mapped[int] = mapped_column(BigInteger)
    stock_age_days: Mapped[int] = mapped_column(BigInteger)
    stock_over_90_count: Mapped[int] = mapped_column(BigInteger)
    parts_count: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    parts_value: Mapped[int | None] = mapped_column(BigInteger)
    receipts: Mapped[int | None] = mapped_column(BigInteger)
    receivables: Mapped[int | None] = mapped_column(BigInteger)
    update_time: Mapped[datetime]
