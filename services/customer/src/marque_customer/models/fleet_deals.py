"""Fleet deals: one organisation that buys at several dealers. States are the numbers of the contract's enum."""

from __future__ import annotations

import uuid
from datetime import datetime

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from marque_customer.errors.showroom import FleetDealPartClosed
from marque_customer.models.base import Model
from marque_customer.rules.fleet_deals import LOST, OPEN, WON


class FleetDeal(Aggregate, Model):
    """The whole; how far it is follows from its parts."""

    __tablename__ = "fleet_deals"

    fleet_deal_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    customer_id: Mapped[uuid.UUID]
    title: Mapped[str]


class FleetDealPart(Aggregate, Model):
    """One dealer's part; `deal_create_time` repeats the deal's, so that a dealer's list reads only its own rows."""

    __tablename__ = "fleet_deal_parts"

    fleet_deal_part_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    fleet_deal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("fleet_deals.fleet_deal_id"))
    customer_id: Mapped[uuid.UUID]
    dealer_id: Mapped[uuid.UUID]
    deal_create_time: Mapped[datetime]
    brand: Mapped[str] = mapped_column(default="")
    model: Mapped[str]
    quantity: Mapped[int]
    state: Mapped[int] = mapped_column(default=OPEN)
    won_quantity: Mapped[int] = mapped_column(default=0)
    loss_reason: Mapped[int] = mapped_column(default=0)
    competitor: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    close_time: Mapped[datetime | None]

    def close(self, won_quantity: int, loss_reason: int, competitor: str, note: str, moment: datetime) -> None:
        """Says how it ended: lost where nothing was bought. Raises FleetDealPartClosed."""
        if self.state != OPEN:
            raise FleetDealPartClosed()
        self.state = WON if won_quantity else LOST
        self.won_quantity, self.loss_reason, self.competitor = won_quantity, loss_reason, competitor
        self.note, self.close_time = note, moment
