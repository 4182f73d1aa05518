"""Dealers."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import ForeignKey, Integer, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_network.errors import DealerActive, DealerClosed, DealerNotActive
from marque_network.models.base import Change, Model
from marque_network.rules import findable


class Dealer(Aggregate, Model):
    """A dealer or a service station. Numbers of enums are the contract's, degrees are WGS 84."""

    __tablename__ = "dealers"

    PLANNED, ACTIVE, SUSPENDED, CLOSED = 1, 2, 3, 4
    ADMITTED, REMEDIED = 1, 2  # reasons

    dealer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    code: Mapped[str] = mapped_column(Text)
    names: Mapped[dict[str, str]] = mapped_column(JSONB)
    kinds: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    channel_type: Mapped[int] = mapped_column(default=0)
    group_code: Mapped[str] = mapped_column(Text, default="")
    region_code: Mapped[str] = mapped_column(Text, default="")
    brands: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    address: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    phone: Mapped[str] = mapped_column(Text, default="")
    email: Mapped[str] = mapped_column(Text, default="")
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    time_zone: Mapped[str] = mapped_column(Text)
    status: Mapped[int] = mapped_column(default=PLANNED)
    open_date: Mapped[date | None]
    close_date: Mapped[date | None]
    service_bays: Mapped[int] = mapped_column(default=0)
    loan_cars: Mapped[int] = mapped_column(default=0)
    service_cars_per_day: Mapped[int] = mapped_column(default=0)
    handovers_per_day: Mapped[int] = mapped_column(default=0)
    status_reason: Mapped[int] = mapped_column(default=0)
    successor_dealer_id: Mapped[uuid.UUID | None]
    search_text: Mapped[str] = mapped_column(Text)
    search_tokens: Mapped[list[str]] = mapped_column(ARRAY(Text))

    @classmethod
    def open(cls, values: Mapping[str, Any]) -> Dealer:
        """Makes a new dealer that can be found."""
        dealer = cls(**values)
        dealer.index()
        return dealer

    def change(self, change: Change) -> None:
        """Takes new values. Raises DealerClosed where a closed dealer would work again."""
        if self.status == self.CLOSED and change.values.get("status", self.CLOSED) != self.CLOSED:
            raise DealerClosed(dealer_id=self.dealer_id)
        for name, value in change.values.items():
            setattr(self, name, value)
        if "status" in change.values:  # written without a verb, so nobody said why
            self.status_reason = 0
        self.index()

    def activate(self, reason: int) -> None:
        """Opens a planned dealer, or a suspended one again. Raises DealerClosed, DealerActive."""
        self._check_open_to_change()
        if self.status == self.ACTIVE:
            raise DealerActive(dealer_id=self.dealer_id)
        usual = self.REMEDIED if self.status == self.SUSPENDED else self.ADMITTED
        self.status, self.status_reason = self.ACTIVE, reason or usual

    def suspend(self, reason: int) -> None:
        """Takes nothing new. Raises DealerNotActive."""
        if self.status != self.ACTIVE:
            raise DealerNotActive(dealer_id=self.dealer_id)
        self.status, self.status_reason = self.SUSPENDED, reason

    def terminate(self, reason: int, on: date, successor: uuid.UUID | None) -> None:
        """Closes it for good. Raises DealerClosed."""
        self._check_open_to_change()
        self.status, self.status_reason = self.CLOSED, reason
        self.close_date, self.successor_dealer_id = on, successor

    def _check_open_to_change(self) -> None:
        if self.status == self.CLOSED:
            raise DealerClosed(dealer_id=self.dealer_id)

    def index(self) -> None:
        """Writes what the dealer is found by."""
        found = findable.dealer_document(self.code, self.names, self.address)
        self.search_text, self.search_tokens = found.text, found.tokens


class DealerStatusChange(Model):
    """A change of a dealer's status by a verb; never changed."""

    __tablename__ = "dealer_status_changes"

    dealer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dealers.dealer_id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    from_status: Mapped[int]
    to_status: Mapped[int]
    reason: Mapped[int]
    note: Mapped[str] = mapped_column(Text)
    successor_dealer_id: Mapped[uuid.UUID | None]
    principal: Mapped[str] = mapped_column(Text)
    create_time: Mapped[datetime]
