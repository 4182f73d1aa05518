"""Visits to a workshop. States and stages are the numbers of the contract's enums."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_vehicle import errors
from marque_vehicle.models.base import Model
from marque_vehicle.rules import lines as line_rules
from marque_vehicle.rules import stages


class RepairOrder(Aggregate, Model):
    """One visit of a car to a workshop. Amounts in `lines` and `totals` are minor units of `currency`."""

    __tablename__ = "repair_orders"

    OPEN, CLOSED, REVERSED = 1, 2, 3

    repair_order_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    dealer_id: Mapped[uuid.UUID]
    number: Mapped[str]
    vin: Mapped[str] = mapped_column(String(17))
    customer_id: Mapped[uuid.UUID | None]
    state: Mapped[int] = mapped_column(default=OPEN)
    stage: Mapped[int] = mapped_column(default=stages.CHECKED_IN)
    stage_history: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    open_time: Mapped[datetime]
    promised_time: Mapped[datetime | None]
    close_time: Mapped[datetime | None]
    adviser_staff_id: Mapped[uuid.UUID | None]
    adviser_employee_number: Mapped[str] = mapped_column(default="")
    odometer_in_km: Mapped[int] = mapped_column(default=0)
    odometer_out_km: Mapped[int] = mapped_column(default=0)
    odometer_replaced: Mapped[bool] = mapped_column(default=False)
    fault_description: Mapped[str] = mapped_column(default="")
    damage_description: Mapped[str] = mapped_column(default="")
    owner_confirmed: Mapped[bool] = mapped_column(default=False)
    comeback: Mapped[bool] = mapped_column(default=False)
    wrong_order: Mapped[bool] = mapped_column(default=False)
    comeback_of_repair_order_id: Mapped[uuid.UUID | None]
    currency: Mapped[str] = mapped_column(default="")
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    totals: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    source: Mapped[str] = mapped_column(default="")
    source_key: Mapped[str] = mapped_column(default="")

    def check_open(self) -> None:
        """Raises RepairOrderClosed."""
        if self.state != self.OPEN:
            raise errors.RepairOrderClosed()

    def replace_lines(self, lines: list[dict[str, Any]], currency: str) -> None:
        """Takes all lines anew and adds them up. Raises CausalPartNotUnique, RepairOrderClosed."""
        self.check_open()
        if not line_rules.causal_unique(lines):
            raise errors.CausalPartNotUnique()
        self.lines, self.currency, self.totals = lines, currency, line_rules.totals(lines)

    def advance(self, stage: int, entry: dict[str, Any], promised_time: datetime | None) -> None:
        """Goes to a stage. Raises RepairOrderClosed, StageNotReachable."""
        self.check_open()
        if not stages.reachable(self.stage, stage):
            raise errors.StageNotReachable()
        self.stage = stage
        self.stage_history = [*self.stage_history, entry]
        self.promised_time = promised_time or self.promised_time

    def close(self, moment: datetime, odometer_out_km: int) -> None:
        """Closes the order. Raises RepairOrderClosed, LinesMissing, CloseBeforeOpen, OdometerOutBelowIn."""
        self.check_open()
        if not self.lines:
            raise errors.LinesMissing()
        if moment < self.open_time:
            raise errors.CloseBeforeOpen()
        odometer_out_km = odometer_out_km or self.odometer_in_km
        if odometer_out_km < self.odometer_in_km:
            raise errors.OdometerOutBelowIn()
        self.state, self.close_time, self.odometer_out_km = self.CLOSED, moment, odometer_out_km

    def reverse(self) -> None:
        """Takes a closed order back. Raises RepairOrderNotClosed."""
        if self.state != self.CLOSED:
            raise errors.RepairOrderNotClosed()
        self.state = self.REVERSED
