"""The tables of the customer service, with their behaviour."""

from __future__ import annotations

import uuid
from datetime import datetime

from servicekit.db.base import Aggregate, Base, metadata
from servicekit.ids import new_uuid
from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column


class Model(Base):
    """Base of the customer service's tables."""

    __abstract__ = True
    metadata = metadata()


class Customer(Aggregate, Model):
    """A person or an organisation."""

    __tablename__ = "customers"

    customer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    kind: Mapped[int]


class Relation(Aggregate, Model):
    """Which dealer has to do with a customer, since when and why: the basis of what the dealer sees."""

    __tablename__ = "relations"
    __table_args__ = (UniqueConstraint("customer_id", "dealer_id", "kind"),)

    relation_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.customer_id"))
    dealer_id: Mapped[uuid.UUID]
    kind: Mapped[int]
    start_time: Mapped[datetime]
    origin_type: Mapped[str]
    origin_id: Mapped[str]


class Interaction(Model):
    """One touch on the customer's time line."""

    __tablename__ = "interactions"

    interaction_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.customer_id"))
    kind: Mapped[int]
    direction: Mapped[int]
    occur_time: Mapped[datetime]
    create_time: Mapped[datetime]
    dealer_id: Mapped[uuid.UUID | None]
    subject_key: Mapped[str] = mapped_column(default="")
    subject_params: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict)
    vin: Mapped[str] = mapped_column(default="")
    reference_type: Mapped[str] = mapped_column(default="")
    reference_id: Mapped[str] = mapped_column(default="")
