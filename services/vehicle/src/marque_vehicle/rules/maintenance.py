"""When a car is to be serviced next, and which services of its plan it has reached and come for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from marque_vehicle.rules.odometer import Rate
from marque_vehicle.rules.warranty import months_later

TIME, DISTANCE = 1, 2  # the contract's numbers of causes
AHEAD, DUE, OVERDUE = 1, 2, 3  # and of states
STALE = timedelta(days=183)  # of a due that is older than that when it becomes known nobody is told
_SAME_VISIT = timedelta(days=30)  # a second visit so soon is no second service,
_SAME_KM = 1000  # unless the car has come so far since


@dataclass(frozen=True, slots=True)
class Plan:
    """A version of a plan: services at (kilometres, months) from the start, then a service every so often (0: none)."""

    code: str
    effective_from: date
    effective_before: date | None
    market: str
    make: str
    model: str
    steps: tuple[tuple[int, int], ...]
    repeat_km: int
    repeat_months: int
    operations: frozenset[str]


@dataclass(frozen=True, slots=True)
class Service:
    """A visit that may be a service; `distance` is how far the car had come."""

    key: str
    day: date
    distance: int
    dealer: Any
    operations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Next:
    """The next service. `anchor` is the visit or sale after which it is owed; days and distance None where the plan has none."""

    plan: Plan
    anchor: str
    number: int
    due: date
    cause: int
    time_due: date | None
    distance: int
    distance_due: date | None
    early: date | None
    late: date | None


@dataclass(frozen=True, slots=True)
class Milestone:
    """A service of the plan that the car has reached."""

    number: int
    km: int
    returned: bool
    to_seller: bool


def plan_of(plans: Iterable[Plan], market: str, make: str, model: str, day: date) -> Plan | None:
    """Returns the plan in force on a day: of the model before the make before any, of the latest day, by its code."""
    fitting = [
        one
        for one in plans
        if one.market == market
        and one.make.upper() in ("", make.upper())
        and one.model.upper() in ("", model.upper())
        and one.effective_from <= day
        and (one.effective_before is None or day < one.effective_before)
    ]
    fitting.sort(key=lambda one: one.code)
    return max(fitting, key=lambda one: (bool(one.model), bool(one.make), one.effective_from), default=None)


def services_of(plan: Plan, visits: Iterable[Service]) -> list[Service]:
    """Returns the visits that are services, in their order: by the plan's operations, and none twice within a month."""
    found: list[Service] = []
    for one in sorted(visits, key=lambda one: (one.day, one.key)):
        if plan.operations and not plan.operations & one.operations:
            continue
        if found and one.day - found[-1].day < _SAME_VISIT and one.distance - found[-1].distance < _SAME_KM:
            continue
        found.append(one)
    return found


def interval(plan: Plan, number: int) -> tuple[int, int]:
    """Returns (kilometres, months) from the service before one to it; 0 where there is none."""
    if number > len(plan.steps):
        return plan.repeat_km, plan.repeat_months
    before = plan.steps[number - 2] if number > 1 else (0, 0)
    step = plan.steps[number - 1]
    return step[0] - before[0], step[1] - before[1]


def next_service(plan: Plan, start: date, sale: str, done: Sequence[Service], driven: Rate) -> Next | None:
    """Returns what comes after the services done; None where the plan asks for nothing more."""
    number = len(done) + 1
    km, months = interval(plan, number)
    anchor, day, distance = (done[-1].key, done[-1].day, done[-1].distance) if done else (sale, start, 0)
    time_due = months_later(day, months) if months else None
    target = distance + km if km else 0
    at_rate = [driven.reaches(target, one) if km else None for one in (driven.expected, driven.fast, driven.slow)]
    days = [(one, cause) for one, cause in ((time_due, TIME), (at_rate[0], DISTANCE)) if one is not None]
    if not days:
        return None
    due, cause = min(days)
    return Next(plan, anchor, number, due, cause, time_due, target, *at_rate)


def milestones(
    plan: Plan, start: date, seller: Any, done: Sequence[Service], distance: int, today: date
) -> list[Milestone]:
    """Returns the services of the plan that a car has reached by time or distance, or came for earlier."""
    found = []
    for number, (km, months) in enumerate(plan.steps, 1):
        came = done[number - 1] if number <= len(done) else None
        if came is not None or distance >= km or today >= months_later(start, months):
            found.append(Milestone(number, km, came is not None, came is not None and came.dealer == seller))
    return found


def state_of(due: date, today: date, notice_days: int) -> int:
    """Returns how a due day stands."""
    if due < today:
        return OVERDUE
    return DUE if due - timedelta(days=notice_days) <= today else AHEAD


def beginning(day: date) -> datetime:
    """Returns the moment at which a day of this service begins: in UTC."""
    return datetime.combine(day, time.min, UTC)


def next_change(
    plan: Plan, start: date, reached: int, due: Next | None, now: datetime, notice_days: int
) -> datetime | None:
    """Returns when something changes by time alone: notice is to be given, or a service of the plan is reached by its months."""
    days = [months_later(start, plan.steps[reached][1])] if reached < len(plan.steps) else []
    if due is not None:
        days.append(due.due - timedelta(days=notice_days))
    later = [moment for moment in map(beginning, days) if moment > now]
    return min(later, default=None)


def to_be_told(due: Next, now: datetime, notice_days: int) -> bool:
    """Tells whether notice of a due is to be given now."""
    return beginning(due.due - timedelta(days=notice_days)) <= now and due.due > now.date() - STALE
