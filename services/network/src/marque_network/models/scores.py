"""Measures of dealers, and targets."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import Double, ForeignKey, Numeric, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_network.errors import TargetNotProposed
from marque_network.models.base import Model


class Kpi(Aggregate, Model):
    """A measure by which dealers are judged; enums are the contract's numbers."""

    __tablename__ = "kpis"

    kpi_code: Mapped[str] = mapped_column(Text, primary_key=True)
    names: Mapped[dict[str, str]] = mapped_column(JSONB)
    unit: Mapped[int]
    lower_is_better: Mapped[bool]
    summary: Mapped[int]


class ScorecardModel(Aggregate, Model):
    """By what dealers are judged in a year; `items` are the contract's messages as JSON."""

    __tablename__ = "scorecard_models"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    items: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    needed_coverage: Mapped[float] = mapped_column(Double)


class KpiValue(Model):
    """What a dealer reached; a period is a year with a quarter, a month, or neither (0)."""

    __tablename__ = "kpi_values"

    dealer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dealers.dealer_id"), primary_key=True)
    kpi_code: Mapped[str] = mapped_column(ForeignKey("kpis.kpi_code"), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    quarter: Mapped[int] = mapped_column(primary_key=True)
    month: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[float] = mapped_column(Double)
    source: Mapped[str] = mapped_column(Text)
    update_time: Mapped[datetime]


class Target(Aggregate, Model):
    """One version of a target; `revision` is the contract's version."""

    __tablename__ = "targets"

    PROPOSED, AGREED, SUPERSEDED = 1, 2, 3

    target_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    dealer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dealers.dealer_id"))
    staff_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.staff_id"))
    measure: Mapped[str] = mapped_column(Text)
    year: Mapped[int]
    quarter: Mapped[int]
    month: Mapped[int]
    value: Mapped[Decimal] = mapped_column(Numeric(19, 4))
    currency_code: Mapped[str] = mapped_column(Text)
    revision: Mapped[int]
    state: Mapped[int] = mapped_column(default=PROPOSED)
    proposed_by: Mapped[str] = mapped_column(Text)
    proposed_by_dealer: Mapped[bool]
    agreed_by: Mapped[str] = mapped_column(Text, default="")
    agree_time: Mapped[datetime | None]

    @property
    def key(self) -> tuple[Any, ...]:
        """What all versions share: dealer, adviser, measure, period."""
        return self.dealer_id, self.staff_id, self.measure, self.year, self.quarter, self.month

    def says(self, value: Decimal, currency_code: str) -> bool:
        """Tells whether it has these figures."""
        return self.value == value and self.currency_code == currency_code

    def agree(self, principal: str, at: datetime) -> None:
        """Agrees to it. Raises TargetNotProposed."""
        if self.state != self.PROPOSED:
            raise TargetNotProposed(target_id=self.target_id)
        self.state, self.agreed_by, self.agree_time = self.AGREED, principal, at

    def supersede(self) -> None:
        """Gives way to a later version."""
        self.state = self.SUPERSEDED
