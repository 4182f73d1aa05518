"""What is done to find the right hands for a piece of work."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from marque.network.v1 import assignment_events_pb2 as events
from servicekit.db.base import now
from servicekit.db.uow import UnitOfWork
from sqlalchemy.ext.asyncio import AsyncSession

from marque_network.errors import AssignmentNotFound, CalendarNeverOpen, DealerNotFound, HolidaysNotKnown
from marque_network.models import Assignment
from marque_network.repository import assignments as repository
from marque_network.repository import dealers, places
from marque_network.rules.assignment import Candidate, Judged, Need, Wanted, judge
from marque_network.rules.openings import opening
from marque_network.rules.skills import level_on

WINDOW = timedelta(days=7)
ESCALATE = "assignment"
FIRST_TRY, LATER_TRIES = timedelta(minutes=2), timedelta(minutes=15)
_NOT_WORD = re.compile(r"[^a-z0-9]+")


async def suggest(*, uow: UnitOfWork, wanted: Wanted, at: datetime | None) -> Any:
    """Returns who could take a piece of work, best first, and who cannot."""
    async with uow:
        await _check_dealer(uow, wanted.dealer_id)
        return await uow.answer(await _judged(uow.session, wanted.dealer_id, wanted.need, at or uow.now))


async def assign(*, uow: UnitOfWork, item: tuple[str, str], wanted: Wanted, reassign: bool) -> Any:
    """Gives a piece of work to the best who can take it, or to the queue."""
    async with uow:
        await _check_dealer(uow, wanted.dealer_id)
        await repository.lock_pool(uow.session, wanted.dealer_id)
        found = await repository.of_item(uow.session, *item)
        if found is not None and not reassign:
            return await uow.answer(found)
        made = found or Assignment(item_type=item[0], item_id=item[1])
        before = made.staff_id if found is not None else None
        made.dealer_id, made.need = wanted.dealer_id, wanted.document
        if found is None:
            uow.add(made)
        need = wanted.need
        if before is not None:
            need = _without(need, str(before))
        await _give(uow, made, need)
        uow.audit("assign", "assignment", str(made.assignment_id))
        return await uow.answer(made)


async def end(*, uow: UnitOfWork, assignment_id: uuid.UUID) -> Any:
    """Ends an assignment."""
    async with uow:
        found = await repository.lock(uow.session, assignment_id, uow.principal)
        if found is None:
            raise AssignmentNotFound(assignment_id=assignment_id)
        if found.end(uow.now):
            await uow.flush()
            uow.emit(events.AssignmentEnded(**_said(found), staff_id=str(found.staff_id or "")), of=found)
            uow.audit("end", "assignment", str(assignment_id))
        return await uow.answer(found)


async def try_again(uow: UnitOfWork, assignment_id: uuid.UUID, need: Need) -> datetime | None:
    """Tries to give what waits; returns when to try next, None where it waits no longer."""
    found = await repository.lock(uow.session, assignment_id, uow.principal)
    if found is None or found.state != Assignment.WAITING:
        return None
    await repository.lock_pool(uow.session, found.dealer_id)
    found.escalation += 1
    await _give(uow, found, need)
    return uow.now + LATER_TRIES if found.state == Assignment.WAITING else None


async def hand_on(uow: UnitOfWork, found: Assignment, staff_id: uuid.UUID | None) -> None:
    """Gives an assignment of who has left to somebody, or to the queue."""
    if staff_id is None:
        found.wait()
        await _tell_waiting(uow, found)
    else:
        found.give(staff_id, [{"code": "HAND_OVER", "detail": ""}], uow.now)
        await _tell_made(uow, found)


async def _give(uow: UnitOfWork, made: Assignment, need: Need) -> None:
    moment = (
        now()
    )  # under the lock of the pool, so that moments are in the order of giving; the unit of work began before it
    can, _ = await _judged(uow.session, made.dealer_id, need, moment)
    if can:
        best = can[0]
        reasons = [{"code": one.code, "detail": one.detail} for one in best.reasons]
        made.give(uuid.UUID(best.staff_id), reasons, moment)
        await _tell_made(uow, made)
    else:
        made.wait()
        await _tell_waiting(uow, made)


async def _tell_made(uow: UnitOfWork, made: Assignment) -> None:
    await uow.flush()
    uow.emit(events.AssignmentMade(**_said(made), staff_id=str(made.staff_id)), of=made)


async def _tell_waiting(uow: UnitOfWork, made: Assignment) -> None:
    """Raises the alarm, and makes due that it is tried again."""
    await uow.flush()
    uow.emit(events.AssignmentWaiting(**_said(made), escalation=made.escalation), of=made)
    if not made.escalation:
        await uow.schedule(ESCALATE, str(made.assignment_id), uow.now + FIRST_TRY)


async def _check_dealer(uow: UnitOfWork, dealer_id: uuid.UUID | None) -> None:
    if dealer_id and not await dealers.is_own_dealer(uow.session, uow.principal, dealer_id):
        raise DealerNotFound(dealer_id=dealer_id)
    if not dealer_id and not uow.principal.sees_all_rows:
        raise DealerNotFound(dealer_id="of the maker")


async def _judged(
    session: AsyncSession, dealer_id: uuid.UUID | None, need: Need, at: datetime
) -> tuple[list[Judged], list[Judged]]:
    rows = await repository.people(session, dealer_id, sorted(need.roles), at, at - WINDOW)
    hours = await _hours(session, dealer_id, {slug(row.department) for row in rows})
    return judge(need, [_candidate(row, need, hours, at) for row in rows], at)


async def _hours(session: AsyncSession, dealer_id: uuid.UUID | None, departments: set[str]) -> Mapping[str, Any]:
    """The hours of a dealer by department; the maker's people have none but their own."""
    if dealer_id is None:
        return {}
    found = {}
    for department in sorted(departments | {""}):
        found[department] = (await places.hours_of(session, [dealer_id], department)).get(dealer_id)
    return found


def _candidate(row: Any, need: Need, hours: Mapping[str, Any], at: datetime) -> Candidate:
    calendar = hours.get(slug(row.department)) or hours.get("")
    day = at.astimezone(ZoneInfo(getattr(calendar, "time_zone", "") or "UTC")).date()
    begins, ends = row.employment_start_date, row.employment_end_date
    working, opens = _works(row, calendar, at)
    return Candidate(
        staff_id=str(row.staff_id),
        employed=(begins is None or begins <= day) and (ends is None or day <= ends),
        roles=frozenset(row.roles),
        levels=tuple((code, level_on(code, day, row.skills, row.certificates)) for code, _ in need.skills),
        languages=tuple(row.languages),
        presence=row.presence,
        working=working,
        opens=opens,
        open_items=int(row.open_items),
        capacity=row.capacity,
        given=row.given,
        last_given=row.last_given,
    )


def _works(row: Any, calendar: Any, at: datetime) -> tuple[bool, datetime | None]:
    """Whether somebody works at a moment, by their own week, else by their department's or dealer's hours; and when next."""
    if row.week:
        own = {"time_zone": "UTC", "holiday_country": "", "exceptions": {}, "version": 1}
        kept = {name: getattr(calendar, name) for name in own} if calendar is not None else own
        calendar = SimpleNamespace(**kept, week=row.week)
    if calendar is None:
        return True, None  # nobody said when they work
    try:
        found = opening(calendar, at)
    except (CalendarNeverOpen, HolidaysNotKnown):
        return False, None
    return found.is_open, found.opens


def slug(department: str) -> str:
    """Returns the name under which the hours of a department are kept."""
    return _NOT_WORD.sub("-", department.lower()).strip("-")[:32]


def _without(need: Need, staff_id: str) -> Need:
    related = tuple(one for one in need.related if one != staff_id)
    return Need(
        roles=need.roles,
        skills=need.skills,
        languages=need.languages,
        language_required=need.language_required,
        related=related,
        excluded=need.excluded | {staff_id},
    )


def _said(made: Assignment) -> dict[str, str]:
    return {
        "assignment_id": str(made.assignment_id),
        "item_type": made.item_type,
        "item_id": made.item_id,
        "dealer_id": str(made.dealer_id or ""),
    }
