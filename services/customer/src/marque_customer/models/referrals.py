"""Who referred whom, and what persons of lost leads said when they were asked again."""

from __future__ import annotations

import uuid
from datetime import datetime

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from marque_customer.models.base import Model


class Referral(Aggregate, Model):
    """Who brought the person of a lead to us. Ids stand as they were said: who is one with whom is judged when it matters."""

    __tablename__ = "referrals"
    OPEN, CREDITED, LOST, SAME_PERSON = range(1, 5)

    referral_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    lead_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("leads.lead_id"))
    customer_id: Mapped[uuid.UUID]
    referrer_customer_id: Mapped[uuid.UUID]
    dealer_id: Mapped[uuid.UUID | None]
    state: Mapped[int] = mapped_column(default=OPEN)
    win_time: Mapped[datetime | None]
    credit_time: Mapped[datetime | None]

    def won(self, moment: datetime, same_person: bool) -> bool:
        """Takes that the lead was won; tells whether the referrer has the credit from now on. A credit once given stays."""
        if self.state == self.CREDITED:
            return False
        self.win_time = self.win_time or moment
        self.state = self.SAME_PERSON if same_person else self.CREDITED
        self.credit_time = None if same_person else moment
        return not same_person

    def lost(self) -> None:
        """Takes that the lead was lost."""
        if self.state == self.OPEN:
            self.state = self.LOST

    def reopened(self) -> None:
        """Takes that a lost lead goes on."""
        if self.state == self.LOST:
            self.state = self.OPEN


class LeadRecall(Model):
    """What the person of a lost lead said when the maker asked again; once for a lead."""

    __tablename__ = "lead_recalls"

    lead_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("leads.lead_id"), primary_key=True)
    customer_id: Mapped[uuid.UUID]
    dealer_id: Mapped[uuid.UUID | None]
    stated_reason: Mapped[int]
    reached: Mapped[bool]
    agrees: Mapped[bool]
    loss_reason: Mapped[int]
    reopened: Mapped[bool]
    note: Mapped[str] = mapped_column(default="")
    staff_id: Mapped[uuid.UUID | None]
    create_time: Mapped[datetime]
