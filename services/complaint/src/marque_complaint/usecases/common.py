"""What every verb of a case begins and ends with: the row under lock, breaches that are due, the history, the clocks."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

from servicekit.db.uow import UnitOfWork
from servicekit.telemetry import logs
from tradekit.clock import WorkCalendar

from marque_complaint import events
from marque_complaint.errors import CaseNotFound
from marque_complaint.models import Case, CaseClock
from marque_complaint.repository import cases as repository
from marque_complaint.repository import clocks as rows
from marque_complaint.repository import facts
from marque_complaint.repository import ladders as steps
from marque_complaint.repository.scope import Scope
from marque_complaint.rules import clocks, figures, hours, kinds
from marque_complaint.usecases import ladders
from marque_complaint.usecases.noting import escalate, staff_of, write_down

__all__ = [
    "CLOCK",
    "breach",
    "calendar_of",
    "escalate",
    "found",
    "promise",
    "run_clocks",
    "schedule",
    "staff_of",
    "write_down",
]

log = logs.get_logger(__name__)
CLOCK = "case-clock"


async def found(uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, etag: str = "") -> Case:
    """Returns a case in sight, locked; what is late by now is told first, so that no verb hides a breach.

    Raises CaseNotFound, EtagMismatch.
    """
    case = await repository.lock_case(uow.session, scope, case_id)
    if case is None:
        raise CaseNotFound()
    case.check_etag(etag)
    await breach(uow, case, await rows.stored(uow.session, case_id))
    return case


async def promise(
    uow: UnitOfWork, case: Case, action: str, reason: str = "", *, before: int = 0, at: datetime | None = None
) -> None:
    """Writes an entry with the promises that hold from then on: those of the latest policy for what the case is now."""
    policy = (await rows.latest_policy(uow.session)).policy
    case.policy_version = policy.version
    write_down(uow, case, action, reason, before=before, minutes=policy.line_for(case.facts).minutes, at=at)


async def calendar_of(uow: UnitOfWork, case: Case) -> WorkCalendar | None:
    """Returns the hours by which a case's clocks run; None where network is still to be asked for its dealer's."""
    if case.dealer_id is None:
        policy = await rows.policy_of(uow.session, case.policy_version)
        assert policy is not None  # versions are never deleted
        return hours.maker_calendar(policy.policy.time_zone, policy.policy.week)
    known = await rows.hours(uow.session, case.dealer_id)
    if known is None:
        await rows.want_hours(uow.session, case.dealer_id, uow.now)
        return None
    try:
        return hours.calendar_of(known)
    except hours.CalendarError as error:
        log.error(
            "a dealer's hours are unusable", extra={"dealer_id": str(case.dealer_id), "reason": error.reason.value}
        )
        return None


async def run_clocks(uow: UnitOfWork, case: Case) -> None:
    """Computes a case's clocks anew from its history, keeps them, and makes due what comes first; what it counts as is found anew."""
    await uow.flush()
    await facts.mark(uow.session, [case.case_id])
    calendar = await calendar_of(uow, case)
    computed = clocks.clocks(await rows.history(uow.session, case.case_id), calendar)
    stored = await rows.stored(uow.session, case.case_id)
    for kind in stored.keys() - computed.keys():
        await uow.session.delete(stored.pop(kind))
    for kind, clock in computed.items():
        row = stored.get(kind)
        if row is None:
            row = stored[kind] = CaseClock(case_id=case.case_id, kind=kind)
            uow.add(row)
        elif row.start_time != clock.start:
            row.breach_time = row.met_time = None
        if clock.met is not None and row.met_time is None and row.breach_time is None:
            uow.tally(figures.CASE_CLOCKS, clock=figures.clock_of(kind), outcome=figures.KEPT)
        row.start_time, row.target_minutes, row.due_time = clock.start, clock.target_minutes, clock.due
        row.met_time, row.paused, row.held_reason = clock.met, clock.paused, clock.held
        row.calendar_version = calendar.version if calendar is not None else 0
    await ladders.keep(uow, case, computed, calendar)
    await uow.flush()
    await schedule(uow, case, stored.values())


async def schedule(uow: UnitOfWork, case: Case, stored: Iterable[CaseClock]) -> datetime | None:
    """Sets when a case is due, and returns when the next breach or step of its ladder would be; None for none."""
    running = [(row.due_time, row.breach_time) for row in stored if row.due_time is not None and row.met_time is None]
    due = min((due for due, _ in running), default=None)
    if case.due_time != due:
        case.due_time = due
    moments = [due for due, breached in running if breached is None]
    if running and (step := await steps.next_due(uow.session, case.case_id)) is not None:
        moments.append(step)
    following = min(moments, default=None)
    if following is not None:
        await uow.schedule(CLOCK, str(case.case_id), following)
    return following


async def breach(uow: UnitOfWork, case: Case, stored: dict[int, CaseClock]) -> None:
    """Tells of every promise that is broken by now, and takes every step of the ladder, each once: the rows keep that it was."""
    late = [
        row
        for row in stored.values()
        if row.due_time is not None and row.met_time is None and row.breach_time is None and row.due_time <= uow.now
    ]
    for row in sorted(late, key=lambda row: (row.due_time, row.kind)):
        row.breach_time = uow.now
        word = figures.clock_of(row.kind)
        write_down(uow, case, "BREACHED", word)
        uow.emit(events.case_breached(case, row), of=case)
        uow.tally(figures.CASE_CLOCKS, clock=word, outcome=figures.BREACHED)
        uow.audit("breach", "case", str(case.case_id), ("clocks",))
        await _climb(uow, case)
    climbed = await ladders.climb(uow, case)
    if late or climbed:
        case.touch()
        await uow.flush()
        await facts.mark(uow.session, [case.case_id])


async def _climb(uow: UnitOfWork, case: Case) -> None:
    """Takes a case one step up after a breach where its line of the policy says so."""
    policy = await rows.policy_of(uow.session, case.policy_version)
    if policy is None or not policy.policy.line_for(case.facts).breach_escalates or case.escalation >= kinds.MAKER:
        return
    escalate(uow, case, 0, "BREACHED")
