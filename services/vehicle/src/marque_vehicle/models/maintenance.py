"""The plans of maintenance."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_vehicle.models.base import Model


class MaintenancePlan(Model):
    """A version of a plan: which cars it is for, from which day on, and when they are serviced. `steps` are [kilometres, months]."""

    __tablename__ = "maintenance_plans"

    plan_code: Mapped[str] = mapped_column(primary_key=True)
    effective_from: Mapped[date] = mapped_column(primary_key=True)
    effective_before: Mapped[date | None]
    market: Mapped[str]
    make: Mapped[str]
    model: Mapped[str]
    steps: Mapped[list[list[int]]] = mapped_column(JSONB)
    repeat_km: Mapped[int]
    repeat_months: Mapped[int]
    operation_codes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    update_time: Mapped[datetime]
