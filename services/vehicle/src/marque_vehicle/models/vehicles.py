"""Cars and what they are searched by. States and kinds are the numbers of the contract's enums."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from servicekit.db.base import Aggregate
from sqlalchemy import String, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from tradekit import plate, search

from marque_vehicle import errors
from marque_vehicle.models.base import Model


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
