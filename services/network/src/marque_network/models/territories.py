"""Territories of dealers."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import ForeignKey, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_network.errors import TerritoryEnded
from marque_network.models.base import Model


class DealerTerritory(Aggregate, Model):
    """Where a dealer answers. `postcodes` are `[first, last]` texts, `polygons` are rings of `[longitude, latitude]`.

    The rows by which places are looked up (`territory_postcodes`, `territory_areas`) are made anew by the repository.
    """

    __tablename__ = "dealer_territories"

    territory_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    dealer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dealers.dealer_id"))
    code: Mapped[str] = mapped_column(Text)
    kind: Mapped[int]
    brand: Mapped[str] = mapped_column(Text)
    exclusive: Mapped[bool]
    country_code: Mapped[str] = mapped_column(Text)
    postcodes: Mapped[list[list[str]]] = mapped_column(JSONB)
    polygons: Mapped[list[list[list[list[float]]]]] = mapped_column(JSONB)
    end_time: Mapped[datetime | None]

    def check_holds(self) -> None:
        """Raises TerritoryEnded."""
        if self.end_time is not None:
            raise TerritoryEnded(code=self.code)

    def change(self, values: Mapping[str, Any]) -> None:
        """Takes new values. Raises TerritoryEnded."""
        self.check_holds()
        for name, value in values.items():
            setattr(self, name, value)

    def end(self, at: datetime) -> None:
        """Ends it. Raises TerritoryEnded."""
        self.check_holds()
        self.end_time = at
