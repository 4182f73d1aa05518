"""The dealer as a customer of the maker: admission file, contacts, agreements."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import BigInteger, Date, ForeignKey, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_network.errors import AgreementNotDraft, AgreementNotSigned
from marque_network.models.base import Change, Model

NO_END = date(9999, 12, 31)


class DealerAdmission(Aggregate, Model):
    """The admission file of a dealer. Its parts are the contract's messages as JSON; `next_expiry_date` is NO_END where
    no paper ends.
    """

    __tablename__ = "dealer_admissions"

    dealer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dealers.dealer_id"), primary_key=True)
    means: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    satisfaction: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    loyalty: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    documents: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    note: Mapped[str] = mapped_column(Text)
    next_expiry_date: Mapped[date] = mapped_column(Date)


class DealerContact(Aggregate, Model):
    """Somebody at a dealer with whom the maker speaks; at most one is asked first."""

    __tablename__ = "dealer_contacts"

    contact_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    dealer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dealers.dealer_id"))
    family_name: Mapped[str] = mapped_column(Text)
    given_name: Mapped[str] = mapped_column(Text)
    full_name: Mapped[str] = mapped_column(Text)
    latin_name: Mapped[str] = mapped_column(Text)
    position: Mapped[str] = mapped_column(Text)
    topics: Mapped[list[str]] = mapped_column(ARRAY(Text))
    phone: Mapped[str] = mapped_column(Text)
    email: Mapped[str] = mapped_column(Text)
    staff_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.staff_id"))
    is_primary: Mapped[bool]
    former: Mapped[bool]

    def change(self, change: Change) -> None:
        """Takes new values; who is gone is not asked first."""
        for name, value in change.values.items():
            setattr(self, name, value)
        self.is_primary = self.is_primary and not self.former


class DealerAgreement(Model):
    """What all versions of an agreement share. `changes` counts its events."""

    __tablename__ = "dealer_agreements"

    agreement_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    dealer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dealers.dealer_id"))
    kind: Mapped[int]
    number: Mapped[str] = mapped_column(Text)
    changes: Mapped[int] = mapped_column(BigInteger, default=0)
    create_time: Mapped[datetime]

    def count(self) -> int:
        """Counts an event; returns its number."""
        self.changes += 1
        return self.changes


class DealerAgreementVersion(Aggregate, Model):
    """One version of an agreement; `revision` is the contract's version. What is signed never changes but in its state.

    `end_date` is the last day of all: that of the termination, else `valid_to_date`, else NO_END.
    """

    __tablename__ = "dealer_agreement_versions"

    DRAFT, SIGNED, SUPERSEDED, TERMINATED = 1, 2, 3, 4

    agreement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dealer_agreements.agreement_id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    dealer_id: Mapped[uuid.UUID]
    kind: Mapped[int]
    number: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    state: Mapped[int] = mapped_column(default=DRAFT)
    valid_from_date: Mapped[date] = mapped_column(Date)
    valid_to_date: Mapped[date | None] = mapped_column(Date)
    notice_days: Mapped[int]
    documents: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    signed_date: Mapped[date | None] = mapped_column(Date)
    signed_by_staff_id: Mapped[uuid.UUID | None]
    signed_by_contact_id: Mapped[uuid.UUID | None]
    terminated_date: Mapped[date | None] = mapped_column(Date)
    termination_reason: Mapped[str] = mapped_column(Text, default="")
    end_date: Mapped[date] = mapped_column(Date)

    def check_draft(self) -> None:
        """Raises AgreementNotDraft."""
        if self.state != self.DRAFT:
            raise AgreementNotDraft(number=self.number)

    def check_signed(self) -> None:
        """Raises AgreementNotSigned."""
        if self.state != self.SIGNED:
            raise AgreementNotSigned(number=self.number)

    def change(self, change: Change) -> None:
        """Takes new values of a draft. Raises AgreementNotDraft."""
        self.check_draft()
        for name, value in change.values.items():
            setattr(self, name, value)
        self.end_date = self.valid_to_date or NO_END

    def sign(self, on: date, staff_id: uuid.UUID | None, contact_id: uuid.UUID | None) -> None:
        """Says that the draft was signed. Raises AgreementNotDraft."""
        self.check_draft()
        self.state, self.signed_date = self.SIGNED, on
        self.signed_by_staff_id, self.signed_by_contact_id = staff_id, contact_id

    def supersede(self) -> None:
        """Gives way to a later version. Raises AgreementNotSigned."""
        self.check_signed()
        self.state = self.SUPERSEDED

    def terminate(self, last: date, reason: str) -> None:
        """Ends it before its time. Raises AgreementNotSigned."""
        self.check_signed()
        self.state, self.terminated_date, self.termination_reason = self.TERMINATED, last, reason
        self.end_date = min(last, self.end_date)

    def amended(self) -> DealerAgreementVersion:
        """Returns the draft of the next version, with the same terms. Raises AgreementNotSigned."""
        self.check_signed()
        same = (
            "agreement_id",
            "dealer_id",
            "kind",
            "number",
            "title",
            "valid_from_date",
            "valid_to_date",
            "notice_days",
        )
        values = {name: getattr(self, name) for name in same}
        return DealerAgreementVersion(
            **values,
            revision=self.revision + 1,
            state=self.DRAFT,
            documents=list(self.documents),
            termination_reason="",
            end_date=self.valid_to_date or NO_END,
        )
