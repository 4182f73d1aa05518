"""What every verb of a lead begins and ends with: rows under lock, the history, events, the grade, the clock."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from marque.customer.v1 import lead_events_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.telemetry import logs
from sqlalchemy.ext.asyncio import AsyncSession
from tradekit.clock import CalendarError, WorkCalendar
from tradekit.money import digits

from marque_customer.errors import LeadNotFound
from marque_customer.mapping.interactions import staff_of
from marque_customer.models import Customer, Lead, LeadChange, Task
from marque_customer.repository import customers, lead_work, tasks
from marque_customer.repository import leads as repository
from marque_customer.repository.customers import Parts
from marque_customer.rules import grading, response
from marque_customer.rules.kinds import EMAIL, PHONE
from marque_customer.rules.leads import NO_TIME_ZONE
from marque_customer.usecases.saving import begin_relation

log = logs.get_logger(__name__)
CLOCK = "lead-clock"
RELATION_LEAD = 1


async def found(uow: UnitOfWork, lead_id: uuid.UUID, etag: str = "") -> tuple[Lead, Customer]:
    """Returns a lead in sight and whose it is, both locked, the person first. Raises LeadNotFound, EtagMismatch."""
    customer_id = await repository.customer_of(uow.session, uow.principal, lead_id)
    if customer_id is None:
        raise LeadNotFound(lead_id=lead_id)
    people = await customers.locked(uow.session, [customer_id])
    lead = await repository.locked(uow.session, uow.principal, lead_id)
    if lead is None or not people:
        raise LeadNotFound(lead_id=lead_id)
    lead.check_etag(etag)
    return lead, people[0]


def write_down(
    uow: UnitOfWork, lead: Lead, kind: str, reason: str = "", *, before: int = 0, dealer_id: uuid.UUID | None = None
) -> None:
    """Adds an entry to a lead's history; `before` is the stage from which it came, 0 where that did not change.

    Who reads the entry: the dealer who has it, or `dealer_id` where that is about to get it.
    """
    uow.add(entry(uow, lead, kind, reason, before=before, dealer_id=dealer_id))


def entry(
    uow: UnitOfWork, lead: Lead, kind: str, reason: str = "", *, before: int = 0, dealer_id: uuid.UUID | None = None
) -> LeadChange:
    """Returns what `write_down` adds, for who adds many at once."""
    lead.change_count += 1
    return LeadChange(
        lead_id=lead.lead_id,
        sequence=lead.change_count,
        customer_id=lead.customer_id,
        kind=kind,
        from_stage=before if before != lead.stage else 0,
        stage=lead.stage,
        dealer_id=lead.dealer_id or dealer_id,
        staff_id=staff_of(uow.principal),
        reason=reason,
        create_time=uow.now,
    )


def say_stage(uow: UnitOfWork, lead: Lead, before: int, dealer_id: uuid.UUID | None = None) -> None:
    """Says that the stage changed, where it did; `dealer_id` where the news is of the dealer who had it."""
    if lead.stage == before:
        return
    event = lead_events_pb2.LeadStageChanged(
        lead_id=str(lead.lead_id),
        customer_id=str(lead.customer_id),
        dealer_id=str(dealer_id or lead.dealer_id or ""),
        grade=lead.grade,
        sale_id=lead.won_sale_id,
    )
    event.from_stage, event.stage, event.loss_reason = before, lead.stage, lead.loss_reason  # type: ignore[assignment]
    uow.emit(event, of=lead)


def say_assigned(uow: UnitOfWork, lead: Lead) -> None:
    """Says who has it."""
    uow.emit(
        lead_events_pb2.LeadAssigned(
            lead_id=str(lead.lead_id),
            customer_id=str(lead.customer_id),
            dealer_id=str(lead.dealer_id),
            adviser_staff_id=str(lead.adviser_staff_id or ""),
            grade=lead.grade,
        ),
        of=lead,
    )


async def grade(uow: UnitOfWork, lead: Lead, customer: Customer, parts: Parts) -> None:
    """Grades a lead by the latest rules."""
    take_grade(lead, customer, parts, await lead_work.latest_rules(uow.session))


def take_grade(lead: Lead, customer: Customer, parts: Parts, rules: Any) -> None:
    """Grades a lead by a version of the rules."""
    person = grading.Person(
        has_name=bool(customer.full_name or customer.organisation_name),
        has_phone=any(point.kind == PHONE for point in parts.points),
        has_email=any(point.kind == EMAIL for point in parts.points),
        verified=any(point.verify_time is not None for point in parts.points),
        owner=bool(parts.vins),
    )
    known = grading.signals(
        interest=lead.interest,
        timeframe_days=lead.timeframe_days,
        budget=_units(lead),
        comments=lead.comments,
        source=lead.source,
        place=lead.place,
        person=person,
    )
    lead.take_grade(grading.grade(rules.rules, known), rules.version)


def _units(lead: Lead) -> float | None:
    if lead.budget_minor is None:
        return None
    return lead.budget_minor / 10 ** digits(lead.budget_currency)


async def place(
    uow: UnitOfWork,
    lead: Lead,
    customer: Customer,
    dealer_id: uuid.UUID,
    adviser: uuid.UUID | None,
    reasons: list[dict[str, Any]],
    why: str,
) -> None:
    """Gives a lead to a dealer: the relation begins, the clock starts as soon as the dealer's hours are known."""
    before = lead.stage
    lead.place_at(dealer_id, adviser, reasons, uow.now)
    write_down(uow, lead, "ASSIGNED", why, before=before)
    origin = ("customer.lead", str(lead.lead_id))
    await begin_relation(uow, customer, dealer_id, RELATION_LEAD, origin=origin, staff_id=adviser)
    await tasks.end_answers(uow.session, lead.lead_id, Task.CANCELLED, uow.now)
    await run_clock(uow, lead)
    await uow.flush()
    say_assigned(uow, lead)
    say_stage(uow, lead, before)


async def run_clock(uow: UnitOfWork, lead: Lead) -> None:
    """Computes by when an assigned lead must be answered, from when its dealer got it; waits where the hours are not known yet."""
    assert lead.dealer_id is not None
    calendar, held = await hours_of(uow, lead.dealer_id)
    if calendar is None:
        lead.held_reason = held
        return
    rules = (await lead_work.latest_rules(uow.session)).rules
    await uow.schedule(CLOCK, str(lead.lead_id), start_clock(lead, calendar, rules, uow.now))


async def hours_of(uow: UnitOfWork, dealer_id: uuid.UUID) -> tuple[WorkCalendar | None, str]:
    """Returns the calendar of a dealer; where there is none yet, the reason for which its leads are held (empty: network is asked)."""
    calendar = await calendar_of(uow, dealer_id)
    if calendar is not None or await lead_work.hours(uow.session, dealer_id) is None:
        return calendar, ""
    return None, NO_TIME_ZONE


def start_clock(lead: Lead, calendar: WorkCalendar, rules: dict[str, Any], moment: datetime) -> datetime:
    """Says by when an assigned lead must be answered and when its adviser is reminded; returns when the first of these is due."""
    assert lead.assign_time is not None
    minutes = grading.band_of(rules, lead.grade).response_minutes
    due = response.due_time(calendar, lead.assign_time, minutes)
    remind = response.remind_time(calendar, lead.assign_time, minutes, rules.get("remind_share", 0))
    if remind is not None and remind <= moment:
        remind = None  # of hours that changed meanwhile: what is past is not said again
    lead.held_reason = ""
    lead.start_clock(due, remind, calendar.version)
    return remind or due


async def calendar_of(uow: UnitOfWork, dealer_id: uuid.UUID) -> WorkCalendar | None:
    """Returns the calendar of a dealer; None where network is still to be asked, or the dealer's zone is not known."""
    row = await lead_work.hours(uow.session, dealer_id)
    if row is None:
        await lead_work.want_hours(uow.session, dealer_id, uow.now)
        return None
    return await _calendar(uow.session, row)


async def known_calendar(session: AsyncSession, dealer_id: uuid.UUID) -> WorkCalendar | None:
    """Returns the calendar of a dealer as far as it is known; None where it was never told, or the dealer's zone is not known."""
    row = await lead_work.hours(session, dealer_id)
    return None if row is None else await _calendar(session, row)


async def _calendar(session: AsyncSession, row: Any) -> WorkCalendar | None:
    zone = row.time_zone or await lead_work.zone_of(session, row.dealer_id) or ""
    hours = response.Hours(row.version, zone, row.week, row.holiday_country, row.exceptions)
    try:
        return response.calendar_of(hours)
    except CalendarError as error:
        log.error(
            "a dealer's hours are unusable", extra={"dealer_id": str(row.dealer_id), "reason": error.reason.value}
        )
        return None


async def recycle_time(uow: UnitOfWork, lead: Lead, since: datetime, minutes: int) -> datetime:
    """Returns until when a lead that lapsed stays with its dealer."""
    calendar = await calendar_of(uow, lead.dealer_id) if lead.dealer_id else None
    return response.due_time(calendar, since, minutes) if calendar is not None else since
