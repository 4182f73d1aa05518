"""Quotes with their behaviour. Money in minor units of the quote's one currency; states are the numbers of the contract's enum."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_customer.errors import showroom as errors
from marque_customer.models.base import Model
from marque_customer.rules import quotes as rules


class QuoteRulesVersion(Model):
    """One version of the limits; it never changes."""

    __tablename__ = "quote_rules"

    version: Mapped[int] = mapped_column(primary_key=True)
    rules: Mapped[dict[str, Any]] = mapped_column(JSONB)
    create_time: Mapped[datetime]
    principal: Mapped[str]


class Quote(Aggregate, Model):
    """What a dealer offers to the person of a lead: the latest version, and what became of it."""

    __tablename__ = "quotes"

    quote_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    lead_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("leads.lead_id"))
    customer_id: Mapped[uuid.UUID]
    dealer_id: Mapped[uuid.UUID]
    adviser_staff_id: Mapped[uuid.UUID | None]
    number: Mapped[int] = mapped_column(default=1)
    state: Mapped[int] = mapped_column(default=rules.DRAFT)
    currency: Mapped[str]
    list_minor: Mapped[int] = mapped_column(BigInteger)
    discount_minor: Mapped[int] = mapped_column(BigInteger)
    trade_in_minor: Mapped[int] = mapped_column(BigInteger)
    total_minor: Mapped[int] = mapped_column(BigInteger)
    financed_minor: Mapped[int] = mapped_column(BigInteger)
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    car_key: Mapped[str]
    valid_until_time: Mapped[datetime]
    discount_basis_points: Mapped[int]
    rules_version: Mapped[int]
    allowed_basis_points: Mapped[int]
    needs_approval: Mapped[bool]
    ask_by: Mapped[str] = mapped_column(default="")
    ask_staff_id: Mapped[uuid.UUID | None]
    ask_time: Mapped[datetime | None]
    ask_reason: Mapped[str] = mapped_column(default="")
    ask_task_id: Mapped[uuid.UUID | None]
    decide_by: Mapped[str] = mapped_column(default="")
    decide_staff_id: Mapped[uuid.UUID | None]
    decide_time: Mapped[datetime | None]
    decide_reason: Mapped[str] = mapped_column(default="")
    send_time: Mapped[datetime | None]
    close_time: Mapped[datetime | None]
    close_reason: Mapped[str] = mapped_column(default="")

    def offer(self, values: dict[str, Any]) -> None:
        """Takes what is offered: lines, sums, limits and by whom."""
        for name, value in values.items():
            setattr(self, name, value)

    def revise(self, values: dict[str, Any], moment: datetime) -> QuoteVersion:
        """Takes the next version as a draft; returns the one before. Raises QuoteStateWrong, QuotesFull."""
        self._require(*rules.REVISABLE)
        if self.number >= rules.MOST_VERSIONS:
            raise errors.QuotesFull(most=rules.MOST_VERSIONS)
        former = QuoteVersion(
            quote_id=self.quote_id,
            create_time=moment,
            **{name: getattr(self, name) for name in QuoteVersion.KEPT},
        )
        self.number, self.state = self.number + 1, rules.DRAFT
        self.ask_by = self.ask_reason = self.decide_by = self.decide_reason = self.close_reason = ""
        self.ask_staff_id = self.ask_time = self.ask_task_id = self.decide_staff_id = self.decide_time = None
        self.send_time = self.close_time = None
        self.offer(values)
        return former

    def ask(self, by: str, staff_id: uuid.UUID | None, reason: str, moment: datetime) -> None:
        """Asks for its discount. Raises QuoteStateWrong where it needs nobody's word."""
        self._require(rules.DRAFT)
        if not self.needs_approval:
            raise errors.QuoteStateWrong(quote_id=self.quote_id)
        self.state = rules.AWAITING
        self.ask_by, self.ask_staff_id, self.ask_reason, self.ask_time = by, staff_id, reason, moment

    def decide(self, approved: bool, by: str, staff_id: uuid.UUID | None, reason: str, moment: datetime) -> None:
        """Takes the word of somebody whose limit was judged. Raises QuoteStateWrong, ApprovalNotYours."""
        self._require(rules.AWAITING)
        if self.ask_by == by:
            raise errors.ApprovalNotYours()
        self._decided(approved, by, staff_id, reason, moment)

    def allow_oneself(self, moment: datetime) -> None:
        """Takes the word of who asked: their own limit covers it."""
        self._decided(True, self.ask_by, self.ask_staff_id, self.ask_reason, moment)

    def _decided(self, approved: bool, by: str, staff_id: uuid.UUID | None, reason: str, moment: datetime) -> None:
        self.state = rules.APPROVED if approved else rules.DRAFT
        self.decide_by, self.decide_staff_id, self.decide_reason, self.decide_time = by, staff_id, reason, moment

    def send(self, moment: datetime) -> None:
        """Says that the person has it. Raises QuoteStateWrong, QuoteNotApproved, QuoteExpired."""
        self._require(rules.DRAFT, rules.APPROVED)
        if self.needs_approval and self.state == rules.DRAFT:
            raise errors.QuoteNotApproved(allowed=self.allowed_basis_points)
        self._require_valid(moment)
        self.state, self.send_time = rules.SENT, moment

    def accept(self, moment: datetime) -> None:
        """Says that the person took it. Raises QuoteStateWrong, QuoteExpired."""
        if self.state == rules.EXPIRED:
            raise errors.QuoteExpired(quote_id=self.quote_id)
        self._require(rules.SENT)
        self._require_valid(moment)
        self._close(rules.ACCEPTED, "", moment)

    def decline(self, reason: str, moment: datetime) -> None:
        """Says that the person did not take it. Raises QuoteStateWrong."""
        self._require(rules.SENT)
        self._close(rules.DECLINED, reason, moment)

    def withdraw(self, reason: str, moment: datetime) -> None:
        """Takes it back. Raises QuoteStateWrong."""
        self._require(*rules.OPEN)
        self._close(rules.WITHDRAWN, reason, moment)

    def expire(self, moment: datetime) -> None:
        """Says that its time is over. Raises QuoteStateWrong."""
        self._require(rules.SENT)
        self._close(rules.EXPIRED, "", moment)

    def _close(self, state: int, reason: str, moment: datetime) -> None:
        self.state, self.close_reason, self.close_time = state, reason, moment

    def _require_valid(self, moment: datetime) -> None:
        if self.valid_until_time <= moment:
            raise errors.QuoteExpired(quote_id=self.quote_id)

    def _require(self, *states: int) -> None:
        if self.state not in states:
            raise errors.QuoteStateWrong(quote_id=self.quote_id)


class QuoteVersion(Model):
    """A version that a later one took the place of; it never changes."""

    __tablename__ = "quote_versions"
    KEPT = (
        *("number", "customer_id", "state", "currency", "list_minor", "discount_minor", "trade_in_minor"),
        *("total_minor", "financed_minor", "lines", "valid_until_time", "adviser_staff_id"),
    )

    quote_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("quotes.quote_id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[uuid.UUID]
    state: Mapped[int]
    currency: Mapped[str]
    list_minor: Mapped[int] = mapped_column(BigInteger)
    discount_minor: Mapped[int] = mapped_column(BigInteger)
    trade_in_minor: Mapped[int] = mapped_column(BigInteger)
    total_minor: Mapped[int] = mapped_column(BigInteger)
    financed_minor: Mapped[int] = mapped_column(BigInteger)
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    valid_until_time: Mapped[datetime]
    adviser_staff_id: Mapped[uuid.UUID | None]
    create_time: Mapped[datetime]
