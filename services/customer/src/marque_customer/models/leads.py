"""Leads, with their behaviour: each verb moves the stage, and says in the history what was done and why."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import BigInteger, ForeignKey, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_customer.errors import LeadClosed, LeadStageWrong, LeadWithoutDealer, LossNotYours, PromiseSettled
from marque_customer.models.base import Model
from marque_customer.rules import leads as rules
from marque_customer.rules.grading import Grade


class Lead(Aggregate, Model):
    """Somebody's wish for a car. `interest` and `place` are the contract's messages as JSON with numbers for enums.

    `route_time` says since when it waits for a dealer, `route_round` which search that is; `passed_dealers` had it before.
    """

    __tablename__ = "leads"

    lead_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.customer_id"))
    group_id: Mapped[uuid.UUID]
    wish_key: Mapped[str]
    dealer_id: Mapped[uuid.UUID | None]
    adviser_staff_id: Mapped[uuid.UUID | None]
    stage: Mapped[int] = mapped_column(default=rules.NEW)
    stage_before: Mapped[int] = mapped_column(default=0)
    source: Mapped[int]
    source_detail: Mapped[str] = mapped_column(default="")
    interest: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    timeframe_days: Mapped[int | None]
    budget_currency: Mapped[str] = mapped_column(default="")
    budget_minor: Mapped[int | None] = mapped_column(BigInteger)
    comments: Mapped[str] = mapped_column(default="")
    place: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    grade: Mapped[str] = mapped_column(default="")
    grade_reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    need_points: Mapped[int] = mapped_column(default=0)
    confidence_points: Mapped[int] = mapped_column(default=0)
    means_points: Mapped[int] = mapped_column(default=0)
    rules_version: Mapped[int] = mapped_column(default=0)
    routing_reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    held_reason: Mapped[str] = mapped_column(default="")
    route_time: Mapped[datetime | None]
    route_round: Mapped[int] = mapped_column(default=0)
    passed_dealers: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid), default=list)
    assign_time: Mapped[datetime | None]
    respond_due_time: Mapped[datetime | None]
    remind_time: Mapped[datetime | None]
    calendar_version: Mapped[int] = mapped_column(default=0)
    next_due_time: Mapped[datetime | None]
    first_contact_time: Mapped[datetime | None]
    last_contact_time: Mapped[datetime | None]
    manager_contact_time: Mapped[datetime | None]
    contact_count: Mapped[int] = mapped_column(default=0)
    lapse_count: Mapped[int] = mapped_column(default=0)
    loss_reason: Mapped[int] = mapped_column(default=0)
    competitor: Mapped[str] = mapped_column(default="")
    loss_note: Mapped[str] = mapped_column(default="")
    loss_by: Mapped[str] = mapped_column(default="")
    close_time: Mapped[datetime | None]
    won_sale_id: Mapped[str] = mapped_column(default="")
    traceparent: Mapped[str | None]
    assignment_id: Mapped[uuid.UUID | None]
    change_count: Mapped[int] = mapped_column(default=0)

    def require_open(self) -> None:
        """Raises LeadClosed for one that is won or lost."""
        if self.stage in rules.CLOSED:
            raise LeadClosed(lead_id=self.lead_id)

    def require_dealer(self) -> None:
        """Raises LeadClosed, and LeadWithoutDealer where nobody works on it."""
        self.require_open()
        if self.dealer_id is None:
            raise LeadWithoutDealer(lead_id=self.lead_id)

    def take_grade(self, found: Grade, version: int) -> None:
        """Takes a grade with its reasons."""
        self.grade, self.rules_version = found.band.grade, version
        self.need_points, self.confidence_points, self.means_points = found.need, found.confidence, found.means
        self.grade_reasons = [{"code": code, "points": points} for code, points in found.reasons]

    def seek_dealer(self, moment: datetime) -> None:
        """Lets the platform look for a dealer, from a moment on."""
        self.route_time, self.route_round = moment, self.route_round + 1
        self.held_reason = ""

    def hold(self, reason: str, again: datetime | None) -> None:
        """Says that it goes nowhere for now, and when that is looked at again."""
        self.held_reason, self.route_time = reason, again

    def place_at(
        self, dealer_id: uuid.UUID, adviser: uuid.UUID | None, reasons: list[dict[str, Any]], moment: datetime
    ) -> None:
        """Gives it to a dealer, whose clock is to be started. Raises LeadClosed."""
        self.require_open()
        if self.dealer_id is not None and self.dealer_id != dealer_id:
            self._pass_on()
        self.dealer_id, self.adviser_staff_id = dealer_id, adviser
        self.stage, self.assign_time = rules.ASSIGNED, moment
        self.routing_reasons, self.held_reason, self.route_time = reasons, "", None
        self.stop_clock()

    def start_clock(self, due: datetime, remind: datetime | None, calendar_version: int) -> None:
        """Says by when the person must be reached."""
        self.respond_due_time = self.next_due_time = due
        self.remind_time, self.calendar_version = remind, calendar_version

    def stop_clock(self) -> None:
        """Nothing is due any more until something is said anew."""
        self.respond_due_time = self.remind_time = self.next_due_time = None

    def contacted(self, at: datetime, reached: bool, by_manager: bool, every_days: int) -> None:
        """Notes an attempt; reached, the response clock stops and the rhythm begins. Raises LeadClosed, LeadWithoutDealer."""
        self.require_dealer()
        self.contact_count += 1
        if not reached:
            return
        self.first_contact_time = self.first_contact_time or at
        self.last_contact_time = at
        if by_manager:
            self.manager_contact_time = at
        if self.stage in (rules.ASSIGNED, rules.LAPSED):
            self.stage = rules.CONTACTED
        self.stop_clock()
        if self.stage != rules.LOSS_PROPOSED:
            self.next_due_time = at + timedelta(days=every_days)

    def advance(self, stage: int) -> None:
        """Moves to a stage of work. Raises LeadClosed, LeadWithoutDealer, LeadStageWrong where the person was never reached."""
        self.require_dealer()
        if self.stage not in rules.WORKED or stage == self.stage:
            raise LeadStageWrong(lead_id=self.lead_id)
        self.stage = stage

    def order(self) -> None:
        """Says that the person accepted an offer, whatever was said of a loss. Raises LeadClosed, LeadWithoutDealer."""
        self.require_dealer()
        self.stage = rules.ORDERED
        self.loss_reason, self.competitor, self.loss_note, self.loss_by = 0, "", "", ""
        self.respond_due_time = self.remind_time = None

    def win(self, sale_id: str, moment: datetime) -> None:
        """Closes it with a sale. Raises LeadClosed, LeadWithoutDealer."""
        self.require_dealer()
        self.won_sale_id = sale_id
        self._close(rules.WON, moment)

    def propose_loss(self, reason: int, competitor: str, note: str, by: str) -> None:
        """Says that it is lost; the clock stands until a manager decides. Raises LeadClosed, LeadWithoutDealer, LeadStageWrong."""
        self.require_dealer()
        if self.stage == rules.LOSS_PROPOSED:
            raise LeadStageWrong(lead_id=self.lead_id)
        self.stage_before, self.stage = self.stage, rules.LOSS_PROPOSED
        self.loss_reason, self.competitor, self.loss_note, self.loss_by = reason, competitor, note, by
        self.stop_clock()

    def decide_loss(self, approved: bool, by: str, moment: datetime) -> None:
        """Approves or refuses a loss. Raises LeadStageWrong, and LossNotYours for who proposed it."""
        if self.stage != rules.LOSS_PROPOSED:
            raise LeadStageWrong(lead_id=self.lead_id)
        if self.loss_by == by:
            raise LossNotYours()
        if approved:
            self._close(rules.LOST, moment)
            return
        # Somebody was there for the person: what lapsed before goes on as work, due at once.
        self.stage = rules.CONTACTED if self.stage_before == rules.LAPSED else self.stage_before
        self.loss_reason, self.competitor, self.loss_note, self.loss_by = 0, "", "", ""
        self.next_due_time = moment

    def lose_to_ourselves(self, moment: datetime) -> None:
        """Closes it because the person bought at another dealer of ours. Raises LeadClosed."""
        self.require_open()
        self.loss_reason = rules.LOSS_BOUGHT_FROM_US
        self._close(rules.LOST, moment)

    def reopen(self, moment: datetime) -> None:
        """Takes a lost lead from its dealer and looks for another one: its person still wants a car."""
        if self.dealer_id is not None:
            self._pass_on()
        self.stage, self.close_time = rules.RECYCLED, None
        self.dealer_id = self.adviser_staff_id = None
        self.loss_reason, self.competitor, self.loss_note, self.loss_by = 0, "", "", ""
        self.routing_reasons = []
        self.seek_dealer(moment)

    def lapse(self) -> None:
        """Says that nobody answered in time."""
        self.stage, self.lapse_count = rules.LAPSED, self.lapse_count + 1
        self.stop_clock()

    def recycle(self, moment: datetime) -> None:
        """Takes it from its dealer and looks for another one. Raises LeadClosed, LeadWithoutDealer."""
        self.require_dealer()
        self._pass_on()
        self.stage = rules.RECYCLED
        self.dealer_id = self.adviser_staff_id = None
        self.routing_reasons = []
        self.stop_clock()
        self.seek_dealer(moment)

    def _pass_on(self) -> None:
        assert self.dealer_id is not None
        if self.dealer_id not in self.passed_dealers:
            self.passed_dealers = [*self.passed_dealers, self.dealer_id]
        self.first_contact_time = self.last_contact_time = self.manager_contact_time = None

    def _close(self, stage: int, moment: datetime) -> None:
        self.stage, self.close_time, self.route_time, self.held_reason = stage, moment, None, ""
        self.stop_clock()


class GoneLead(Model):
    """What stays of a lead that was removed: where it came from, when, and which dealer had it last; not whose it was."""

    __tablename__ = "gone_leads"

    lead_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    dealer_id: Mapped[uuid.UUID | None]
    source: Mapped[int]
    create_time: Mapped[datetime]
    remove_time: Mapped[datetime]


class LeadChange(Model):
    """One entry of a lead's history; `dealer_id` is who had it then, and who may read the entry."""

    __tablename__ = "lead_changes"

    lead_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("leads.lead_id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    from_stage: Mapped[int] = mapped_column(default=0)
    stage: Mapped[int]
    dealer_id: Mapped[uuid.UUID | None]
    staff_id: Mapped[uuid.UUID | None]
    reason: Mapped[str] = mapped_column(default="")
    create_time: Mapped[datetime]


class LeadPromise(Model):
    """What somebody promised to the person of a lead."""

    __tablename__ = "lead_promises"
    OPEN, KEPT, BROKEN = 1, 2, 3

    promise_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    lead_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("leads.lead_id"))
    customer_id: Mapped[uuid.UUID]
    kind: Mapped[int]
    text: Mapped[str]
    currency: Mapped[str] = mapped_column(default="")
    minor: Mapped[int | None] = mapped_column(BigInteger)
    due_time: Mapped[datetime | None]
    staff_id: Mapped[uuid.UUID | None]
    state: Mapped[int] = mapped_column(default=OPEN)
    create_time: Mapped[datetime]
    settle_time: Mapped[datetime | None]

    def settle(self, kept: bool, moment: datetime) -> None:
        """Says that it was kept, or not. Raises PromiseSettled."""
        if self.state != self.OPEN:
            raise PromiseSettled()
        self.state, self.settle_time = self.KEPT if kept else self.BROKEN, moment


class LeadRulesVersion(Model):
    """One version of the rules; it never changes."""

    __tablename__ = "lead_rules"

    version: Mapped[int] = mapped_column(primary_key=True)
    rules: Mapped[dict[str, Any]] = mapped_column(JSONB)
    create_time: Mapped[datetime]
    principal: Mapped[str]


class LeadIntake(Model):
    """What a sender sent, as it came, and what became of it. `sender_key` is the sender's own name of it, or its digest.

    `interaction_id` is the touch that a mail or a conversation left; of these `raw` is empty. `case_time` is the moment from which a case
    is to be opened for it, none where not; `case_id` is that case, `case_kind` and `case_reason` of which kind it is and why.
    """

    __tablename__ = "lead_intakes"

    intake_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    sender: Mapped[str]
    sender_key: Mapped[str]
    raw: Mapped[str]
    outcome: Mapped[int]
    customer_id: Mapped[uuid.UUID | None]
    lead_id: Mapped[uuid.UUID | None]
    problems: Mapped[list[list[str]]] = mapped_column(JSONB, default=list)
    content_hash: Mapped[str] = mapped_column(default="")
    create_time: Mapped[datetime]
    interaction_id: Mapped[uuid.UUID | None]
    case_time: Mapped[datetime | None]
    case_id: Mapped[uuid.UUID | None]
    case_kind: Mapped[int] = mapped_column(default=0)
    case_reason: Mapped[str] = mapped_column(default="")


class KnownCalendar(Model):
    """The hours of a dealer's sales department as network told them last; `stale_time`: since when they must be asked for again."""

    __tablename__ = "known_calendars"

    dealer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(default=0)
    time_zone: Mapped[str] = mapped_column(default="")
    week: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    holiday_country: Mapped[str] = mapped_column(default="")
    exceptions: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    fetch_time: Mapped[datetime | None]
    stale_time: Mapped[datetime | None]
