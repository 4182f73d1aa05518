"""The tables of the vehicle service, with their behaviour. States, stages, roles and kinds are the numbers of the contract's enums."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from servicekit.db.base import Aggregate, Base, metadata
from servicekit.errors import DomainError
from servicekit.ids import new_uuid
from sqlalchemy import BigInteger, String, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from tradekit import plate, search

from marque_vehicle import errors
from marque_vehicle.rules import lines as line_rules
from marque_vehicle.rules import stages


class Model(Base):
    """Base of the vehicle service's tables."""

    __abstract__ = True
    metadata = metadata()


class VehicleSearch(Model):
    """What a car is searched by: what everybody may search, and the plate apart, which is a person's."""

    __tablename__ = "vehicle_search"

    vin: Mapped[str] = mapped_column(String(17), primary_key=True)
    search_text: Mapped[str]
    search_tokens: Mapped[list[str]] = mapped_column(ARRAY(Text))
    plate_text: Mapped[str]
    plate_tokens: Mapped[list[str]] = mapped_column(ARRAY(Text))

    @staticmethod
    def columns_of(vin: str, engine_number: str, plate_number: str) -> dict[str, Any]:
        """Returns the columns for a car."""
        document = search.document(vins=[vin])
        engine = plate.tidy(engine_number).lower()
        try:
            plates = search.document(plates=[plate.normalise(plate_number)])
        except plate.PlateError:
            plates = search.SearchDocument("", [])
        return {
            "vin": vin,
            "search_text": f"{document.text}\n{engine}" if engine else document.text,
            "search_tokens": sorted({*document.tokens, engine}) if engine else document.tokens,
            "plate_text": plates.text,
            "plate_tokens": plates.tokens,
        }


class Vehicle(Aggregate, Model):
    """One car, known by its VIN."""

    __tablename__ = "vehicles"

    IN_STOCK, IN_USE, SCRAPPED = 1, 2, 3

    vin: Mapped[str] = mapped_column(String(17), primary_key=True)
    engine_number: Mapped[str] = mapped_column(default="")
    make: Mapped[str]
    series: Mapped[str] = mapped_column(default="")
    model: Mapped[str]
    model_year: Mapped[int] = mapped_column(default=0)
    trim: Mapped[str] = mapped_column(default="")
    exterior_colour: Mapped[str] = mapped_column(default="")
    interior_colour: Mapped[str] = mapped_column(default="")
    option_codes: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    plant: Mapped[str] = mapped_column(default="")
    build_date: Mapped[date | None]
    plate_number: Mapped[str] = mapped_column(default="")
    market: Mapped[str] = mapped_column(default="")
    use: Mapped[int] = mapped_column(default=0)
    energy: Mapped[int] = mapped_column(default=0)
    status: Mapped[int] = mapped_column(default=IN_STOCK)
    odometer_km: Mapped[int] = mapped_column(default=0)
    odometer_time: Mapped[datetime | None]

    def check_usable(self) -> None:
        """Raises VehicleScrapped."""
        if self.status == self.SCRAPPED:
            raise errors.VehicleScrapped()

    def change(self, values: dict[str, Any]) -> list[str]:
        """Takes new values and returns the names of the fields that changed. Raises VehicleScrapped."""
        self.check_usable()
        changed = [name for name, value in values.items() if getattr(self, name) != value]
        for name in changed:
            setattr(self, name, values[name])
        return changed

    def sell(self, use: int) -> list[str]:
        """Puts the car on the road by a sale; returns the names of the fields that changed. Raises VehicleScrapped."""
        return self.change({"status": self.IN_USE, "use": use or self.use})

    def read_odometer(self, km: int, moment: datetime, *, replaced: bool = False) -> None:
        """Takes a reading. Raises OdometerBelowLatest where it went back since the latest one and nobody says that it was replaced.

        A reading that is older than the latest known one changes nothing: it is entered late.
        """
        if not km or (self.odometer_time is not None and moment < self.odometer_time):
            return
        if km < self.odometer_km and not replaced:
            raise errors.OdometerBelowLatest()
        self.odometer_km, self.odometer_time = km, moment


class Sale(Aggregate, Model):
    """One sale of one car by one dealer. Amounts are minor units of `currency`; `start_time` is when the buyer's ownership begins."""

    __tablename__ = "sales"

    RECORDED, REVERSED = 1, 2

    sale_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    dealer_id: Mapped[uuid.UUID]
    vin: Mapped[str] = mapped_column(String(17))
    buyer_customer_id: Mapped[uuid.UUID | None]
    invoice_number: Mapped[str]
    invoice_date: Mapped[date]
    delivery_date: Mapped[date | None]
    start_time: Mapped[datetime]
    currency: Mapped[str] = mapped_column(default="")
    price: Mapped[int | None] = mapped_column(BigInteger)
    discount: Mapped[int | None] = mapped_column(BigInteger)
    options: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    adviser_staff_id: Mapped[uuid.UUID | None]
    adviser_employee_number: Mapped[str] = mapped_column(default="")
    payment_kind: Mapped[int] = mapped_column(default=0)
    use: Mapped[int]
    odometer_km: Mapped[int] = mapped_column(default=0)
    source: Mapped[str] = mapped_column(default="")
    source_key: Mapped[str] = mapped_column(default="")
    state: Mapped[int] = mapped_column(default=RECORDED)
    reversal_reason: Mapped[str] = mapped_column(default="")
    reverse_time: Mapped[datetime | None]

    def reverse(self, reason: str, moment: datetime) -> None:
        """Takes the sale back. Raises SaleAlreadyReversed."""
        if self.state == self.REVERSED:
            raise errors.SaleAlreadyReversed(sale_id=self.sale_id)
        self.state, self.reversal_reason, self.reverse_time = self.REVERSED, reason, moment


class Ownership(Model):
    """One way in which an ownership is or was known. Rows are never changed but in `known_until`, once."""

    __tablename__ = "ownerships"

    OWNER, LESSEE, DRIVER, KEEPER = 1, 2, 3, 4
    TRADED_IN = 1  # as the reason of an end

    ownership_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True, default=1)
    vin: Mapped[str] = mapped_column(String(17))
    customer_id: Mapped[uuid.UUID | None]
    role: Mapped[int]
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime | None]
    known_from: Mapped[datetime]
    known_until: Mapped[datetime | None]
    sale_id: Mapped[uuid.UUID | None]
    source: Mapped[str] = mapped_column(default="")
    end_reason: Mapped[int] = mapped_column(default=0)
    ended_by_sale_id: Mapped[uuid.UUID | None]

    def void(self, known: datetime) -> None:
        """Says that it never was, as known from `known` on."""
        self.known_until = known

    def corrected(self, known: datetime, **values: Any) -> Ownership:
        """Ends this row's known interval and returns the row that follows, with other values."""
        self.known_until = known
        kept = {
            name: getattr(self, name)
            for name in (
                "ownership_id", "vin", "customer_id", "role", "valid_from", "valid_until", "sale_id", "source", "end_reason",
                "ended_by_sale_id",
            )
        }  # fmt: skip
        return Ownership(**{**kept, "version": self.version + 1, "known_from": known, **values})

    def handed_on(self, moment: datetime, known: datetime) -> Ownership:
        """Returns the row that says that another followed at a moment. Raises OwnershipAlreadyEnded, TransferBeforeStart."""
        return self._ended(moment, known, errors.TransferBeforeStart, 0, None)

    def ended(self, moment: datetime, known: datetime, reason: int, sale_id: uuid.UUID | None = None) -> Ownership:
        """Returns the row that says that it ended at a moment, by a sale or of itself. Raises OwnershipAlreadyEnded, EndBeforeStart."""
        return self._ended(moment, known, errors.EndBeforeStart, reason, sale_id)

    def _ended(
        self,
        moment: datetime,
        known: datetime,
        too_early: type[DomainError],
        reason: int,
        sale_id: uuid.UUID | None,
    ) -> Ownership:
        if self.valid_until is not None:
            raise errors.OwnershipAlreadyEnded()
        if moment <= self.valid_from:
            raise too_early()
        return self.corrected(known, valid_until=moment, end_reason=reason, ended_by_sale_id=sale_id)

    def reopened(self, known: datetime) -> Ownership:
        """Returns the row that says that it goes on after all."""
        return self.corrected(known, valid_until=None, end_reason=0, ended_by_sale_id=None)


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
