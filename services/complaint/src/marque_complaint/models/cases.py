"""Cases, what was done with them, and their clocks. Numbers are those of the contract's enums."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import ARRAY, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from marque_complaint.errors import REFUSALS, CaseStateNotAllowed
from marque_complaint.models.base import Model
from marque_complaint.rules import kinds, policy, states


class Case(Aggregate, Model):
    """A case. Its state changes by `do` alone, which asks the rules."""

    __tablename__ = "cases"

    case_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    tracking_code: Mapped[str]
    kind: Mapped[int]
    channel: Mapped[int] = mapped_column(default=0)
    state: Mapped[int] = mapped_column(default=kinds.RECEIVED)
    waiting: Mapped[int] = mapped_column(default=kinds.NOTHING)
    severity: Mapped[int] = mapped_column(default=kinds.UNASSESSED)
    escalation: Mapped[int] = mapped_column(default=kinds.HANDLER)
    dealer_id: Mapped[uuid.UUID | None]
    customer_id: Mapped[uuid.UUID | None]
    handler_staff_id: Mapped[uuid.UUID | None]
    vin: Mapped[str] = mapped_column(default="")
    make: Mapped[str] = mapped_column(default="")
    model: Mapped[str] = mapped_column(default="")
    model_year: Mapped[int] = mapped_column(default=0)
    subject: Mapped[str] = mapped_column(default="")
    description: Mapped[str] = mapped_column(default="")
    remedy_asked: Mapped[str] = mapped_column(default="")
    proposal: Mapped[str] = mapped_column(default="")
    further_options: Mapped[str] = mapped_column(default="")
    resolution: Mapped[str] = mapped_column(default="")
    remedy: Mapped[str] = mapped_column(default="")
    cause: Mapped[str] = mapped_column(default="")
    category: Mapped[str] = mapped_column(default="")
    components: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    safety_signs: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    customer_tier: Mapped[str] = mapped_column(default="")
    incident_date: Mapped[date | None]
    odometer_km: Mapped[int] = mapped_column(default=0)
    crash: Mapped[bool] = mapped_column(default=False)
    fire: Mapped[bool] = mapped_column(default=False)
    injured: Mapped[int] = mapped_column(default=0)
    deaths: Mapped[int] = mapped_column(default=0)
    place: Mapped[str] = mapped_column(default="")
    policy_version: Mapped[int] = mapped_column(default=0)
    receive_time: Mapped[datetime]
    resolve_time: Mapped[datetime | None]
    close_time: Mapped[datetime | None]
    due_time: Mapped[datetime | None]
    assign_time: Mapped[datetime | None]
    assignment_id: Mapped[uuid.UUID | None]
    reopen_count: Mapped[int] = mapped_column(default=0)
    entry_count: Mapped[int] = mapped_column(default=0)
    message_count: Mapped[int] = mapped_column(default=0)
    note_count: Mapped[int] = mapped_column(default=0)
    open_task_count: Mapped[int] = mapped_column(default=0)
    fault_codes: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    parent_case_id: Mapped[uuid.UUID | None]
    merged_into_case_id: Mapped[uuid.UUID | None]
    split_from_case_id: Mapped[uuid.UUID | None]
    repeat_count: Mapped[int] = mapped_column(default=0)
    source: Mapped[str] = mapped_column(default="")
    source_key: Mapped[str] = mapped_column(default="")

    @property
    def standing(self) -> states.Standing:
        """What decides about verbs."""
        return states.Standing(
            kind=self.kind,
            state=self.state,
            waiting=self.waiting,
            escalation=self.escalation,
            handled=self.handler_staff_id is not None,
            options_told=bool(self.further_options),
        )

    @property
    def facts(self) -> policy.Facts:
        """What the policy judges it by."""
        dealer = str(self.dealer_id) if self.dealer_id else ""
        return policy.Facts(self.kind, self.severity, self.channel, self.customer_tier, dealer)

    def do(self, verb: str, *, waiting: int = 0, escalation: int = 0) -> int:
        """Does a verb as far as the standing goes; returns the state before. Raises what `errors.REFUSALS` names."""
        before = self.standing
        try:
            found = states.after(verb, before, waiting=waiting, escalation=escalation)
        except states.Refused as refused:
            if refused.reason == states.STATE:
                raise CaseStateNotAllowed(verb=verb, state=kinds.STATE_NAMES[before.state]) from None
            raise REFUSALS[refused.reason]() from None
        self.state, self.waiting, self.escalation = found.state, found.waiting, found.escalation
        return before.state

    def change(self, values: dict[str, Any]) -> list[str]:
        """Takes new values and returns the names of the fields that changed. Raises CaseStateNotAllowed for a closed case."""
        self.do("update")
        changed = [name for name, value in values.items() if getattr(self, name) != value]
        for name in changed:
            setattr(self, name, values[name])
        return changed


class CaseEntry(Model):
    """Something that was done with a case. Rows are only added: clocks are computed from them."""

    __tablename__ = "case_entries"

    case_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[str]
    from_state: Mapped[int] = mapped_column(default=0)
    state: Mapped[int]
    waiting: Mapped[int]
    escalation: Mapped[int]
    severity: Mapped[int]
    reason: Mapped[str] = mapped_column(default="")
    staff_id: Mapped[uuid.UUID | None]
    minutes: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    policy_version: Mapped[int] = mapped_column(default=0)
    occur_time: Mapped[datetime]


class CaseClock(Model):
    """A clock as it was computed last. `due_time` always equals what the entries, the policy and the hours say."""

    __tablename__ = "case_clocks"

    case_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[int] = mapped_column(primary_key=True)
    start_time: Mapped[datetime]
    target_minutes: Mapped[int]
    due_time: Mapped[datetime | None]
    met_time: Mapped[datetime | None]
    breach_time: Mapped[datetime | None]
    paused: Mapped[bool] = mapped_column(default=False)
    held_reason: Mapped[str] = mapped_column(default="")
    calendar_version: Mapped[int] = mapped_column(default=0)


class CasePrint(Model):
    """By what the same complaint is known when it comes again: a digest of who said what of which car, from which no word can be read."""

    __tablename__ = "case_prints"

    case_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    print: Mapped[bytes]
    create_time: Mapped[datetime]


class CaseSearch(Model):
    """What a case is found by, apart from the case: that changes with every verb, its words hardly ever."""

    __tablename__ = "case_search"

    case_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    search_text: Mapped[str]
    search_tokens: Mapped[list[str]] = mapped_column(ARRAY(Text))
