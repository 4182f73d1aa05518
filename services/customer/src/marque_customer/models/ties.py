"""Ties between customers: households, contacts of organisations, parts of organisations, who referred whom."""

from __future__ import annotations

import uuid
from datetime import datetime

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from marque_customer.errors import TieEnded
from marque_customer.models.base import Model


class CustomerTie(Aggregate, Model):
    """What a customer is to another one. Both stay named as they were when they are merged; readers resolve it."""

    __tablename__ = "customer_ties"

    tie_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    kind: Mapped[int]
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.customer_id"))
    other_customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.customer_id"))
    role: Mapped[int] = mapped_column(default=0)
    title: Mapped[str] = mapped_column(default="")
    is_primary: Mapped[bool] = mapped_column(default=False)
    source: Mapped[str] = mapped_column(default="")
    end_time: Mapped[datetime | None]
    end_reason: Mapped[str] = mapped_column(default="")

    def end(self, reason: str, moment: datetime) -> None:
        """Says that it is no more. Raises TieEnded."""
        if self.end_time is not None:
            raise TieEnded(tie_id=self.tie_id)
        self.end_time, self.end_reason = moment, reason


class OrganisationProfile(Aggregate, Model):
    """What an organisation is beyond its name and industry: how many work there, how many cars it says it has."""

    __tablename__ = "organisation_profiles"

    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.customer_id"), primary_key=True)
    employees: Mapped[int | None]
    fleet_size: Mapped[int | None]
    registration_number: Mapped[str] = mapped_column(default="")
    source: Mapped[str] = mapped_column(default="")
