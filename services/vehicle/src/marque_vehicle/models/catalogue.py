"""The model catalogue. Trims and options are JSON documents of the model, with the shape of `rules.catalogue`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from servicekit.db.base import Aggregate
from sqlalchemy import BigInteger, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_vehicle.models.base import Model


class CatalogueModel(Aggregate, Model):
    """A model with all that it is offered with."""

    __tablename__ = "catalogue_models"

    model_code: Mapped[str] = mapped_column(primary_key=True)
    make: Mapped[str]
    series: Mapped[str]
    model: Mapped[str]
    names: Mapped[dict[str, str]] = mapped_column(JSONB)
    model_year: Mapped[int]
    energy: Mapped[int]
    trims: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    options: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    required_groups: Mapped[list[str]] = mapped_column(ARRAY(Text))

    def change(self, values: dict[str, Any]) -> list[str]:
        """Takes new values and returns the names of the fields that changed."""
        changed = [name for name, value in values.items() if getattr(self, name) != value]
        for name in changed:
            setattr(self, name, values[name])
        return changed

    @property
    def item_codes(self) -> set[str]:
        """The codes that a price may be of."""
        return {one["trim_code"] for one in self.trims} | {one["option_code"] for one in self.options}


class CataloguePrice(Model):
    """The list price of a trim or option in a market from a day on, before another; `amount` in minor units."""

    __tablename__ = "catalogue_prices"

    model_code: Mapped[str] = mapped_column(primary_key=True)
    item_code: Mapped[str] = mapped_column(primary_key=True)
    market: Mapped[str] = mapped_column(primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    valid_before: Mapped[date | None]
    currency: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    update_time: Mapped[datetime]
