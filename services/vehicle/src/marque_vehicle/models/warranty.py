"""The clauses of the warranty."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy.orm import Mapped, mapped_column

from marque_vehicle.models.base import Model


class WarrantyTerm(Model):
    """A clause: which components of cars sold from a day on, before another, are covered for how long."""

    __tablename__ = "warranty_terms"

    term_code: Mapped[str] = mapped_column(primary_key=True)
    sold_from: Mapped[date] = mapped_column(primary_key=True)
    sold_before: Mapped[date | None]
    market: Mapped[str]
    make: Mapped[str]
    component_prefix: Mapped[str]
    months: Mapped[int]
    km: Mapped[int]
    clause: Mapped[str]
    update_time: Mapped[datetime]
