"""How a run goes through the steps of its campaign: one move at a time, from what is known of its subject. Pure.

going → waiting → going        a wait, whose end is looked at anew whenever the run wakes
going → sending → going        a message; the run goes on whatever became of it, and after a call once that is told
going → over                   the last step, an exit, or the exit rule
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from marque_campaign.rules import dates, kinds
from marque_campaign.rules.again import call_number, told_of_call
from marque_campaign.rules.experiment import HOLDOUT
from marque_campaign.rules.ledger import ACCEPTED, BOUNCED, ERASED, OPEN, PLANNED, SAME_PERSON, SUPPRESSED, TAKEN
from marque_campaign.rules.segments import evaluate, tree
from marque_campaign.rules.steps import OF_CALLS, Branch, Exit, Plan, Send, Wait

GOING, WAITING, SENDING, OVER = range(1, 5)
DONE, EXIT_RULE, DATE_UNKNOWN, DATE_CHANGED = "DONE", "EXIT_RULE", "DATE_UNKNOWN", "DATE_CHANGED"
# A line that ended so ends the run: the person gets nothing of this campaign, or gets it by another run.
ENDING = frozenset({HOLDOUT, ERASED, SAME_PERSON})
# So long after a call expired its outcome is waited for still; whoever keeps the task tells it at once.
_GRACE = timedelta(days=1)
# A date may change while it is waited for; so often it is looked at.
LOOK = timedelta(days=1)
# Zones lie so far apart: who moved before is still waited for by the hour of where they are.
_APART = timedelta(hours=26)
SOONEST, _LATEST = timedelta(seconds=1), timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run stands: the place of its step, how, and since when."""

    step: int
    state: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a run's subject now.

    `line` is the state and reason of the message of its step, None for none; `date_of` tells a date of the subject, the first from a day
    on where there are several; `due` is the date that brought the run about, with which of the dates it is, `due_now` the same now.
    `zone` is the person's own, empty where it is not known; `handed` is when the message of the step was handed over.
    """

    person: evaluate.Person
    also: Mapping[str, Mapping[str, Any]]
    line: tuple[int, str] | None = None
    date_of: Callable[[int, date], date | None] = lambda which, since: None
    due: tuple[int, date] | None = None
    due_now: date | None = None
    zone: str = ""
    handed: datetime | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """What becomes of a run: where it stands then, when it goes on (None for over), and whether a message of its step is planned.

    `leaves`: the call of its step, of which nothing is told, is not to be made any more, because the run is over or the call expired.
    """

    step: int
    state: int
    wake: datetime | None = None
    sends: bool = False
    reason: str = ""
    leaves: bool = False


def advance(plan: Plan, at: Standing, facts: Facts, now: datetime, zone: str) -> Move:
    """Returns the move of a run that is awake; `zone` is the campaign's, by whose days rules are asked. Waits keep the person's own."""
    step = at.step
    if at.state == SENDING:
        if is_under_way(plan, at, facts, now):
            return _while_under_way(plan, at, facts, now, zone)
        if facts.line is not None and facts.line[1] in ENDING:
            return Move(step, OVER, reason=facts.line[1])
        step = _next(plan, step)
    elif at.state == WAITING:
        wait = plan.steps[step]
        assert isinstance(wait, Wait)  # only a wait waits
        if _stale(facts):
            return Move(step, OVER, reason=DATE_CHANGED)
        until = until_when(wait, at.since, facts, zone)
        if until is None:
            return Move(step, OVER, reason=DATE_UNKNOWN)
        if until > now:
            return Move(step, WAITING, _look(wait, until, now))
        step = wait.next
    return _go(plan, step, facts, now, zone)


def is_under_way(plan: Plan, at: Standing, facts: Facts, now: datetime) -> bool:
    """Tells whether nobody knows yet what becomes of the message of a step: of a call, before its outcome is told."""
    one = plan.steps[at.step]
    if facts.line is None or not isinstance(one, Send):
        return False
    if one.calls and facts.line[0] == ACCEPTED and facts.handed is not None:
        return now - facts.handed < timedelta(days=one.expire_days) + _GRACE
    return facts.line[0] in OPEN


def may_leave(plan: Plan, at: Standing, facts: Facts) -> bool:
    """Tells whether a run may end at a call that is under way: no worker has it."""
    one = plan.steps[at.step]
    stands = at.state == SENDING and isinstance(one, Send) and one.calls
    return stands and facts.line is not None and facts.line[0] in (PLANNED, ACCEPTED)


def _while_under_way(plan: Plan, at: Standing, facts: Facts, now: datetime, zone: str) -> Move:
    """What becomes of a run whose message is on its way. A call may take days, in which its person leaves or its time is over."""
    one = plan.steps[at.step]
    if may_leave(plan, at, facts) and (why := _leaving(plan, facts, now.astimezone(ZoneInfo(zone)).date())):
        return Move(at.step, OVER, reason=why, leaves=True)
    assert isinstance(one, Send)  # only a message is on its way
    late = facts.handed is not None and now - facts.handed >= timedelta(days=one.expire_days)
    expired = late and one.calls and facts.line == (ACCEPTED, "")
    return Move(at.step, SENDING, now + _pause(now - at.since), leaves=expired)


def _leaving(plan: Plan, facts: Facts, today: date) -> str:
    """Why a run ends before its next step; empty where it goes on."""
    if _stale(facts):
        return DATE_CHANGED
    return EXIT_RULE if plan.exit is not None and _holds(plan.exit, facts, today) else ""


def _go(plan: Plan, step: int, facts: Facts, now: datetime, zone: str) -> Move:
    """From a step that is to be done: every turn goes forward, so there is an end."""
    today = now.astimezone(ZoneInfo(zone)).date()
    while step < len(plan.steps):
        if why := _leaving(plan, facts, today):
            return Move(step, OVER, reason=why)
        one = plan.steps[step]
        if isinstance(one, Send):
            return Move(step, SENDING, now + SOONEST, sends=True)
        if isinstance(one, Exit):
            return Move(step, OVER, reason=one.reason)
        if isinstance(one, Branch):
            step = one.then if _holds(one.rule, facts, today) else one.otherwise
            continue
        until = until_when(one, now, facts, zone)
        if until is None:
            return Move(step, OVER, reason=DATE_UNKNOWN)
        if until > now:
            return Move(step, WAITING, _look(one, until, now))
        step = one.next
    return Move(len(plan.steps) - 1, OVER, reason=DONE)


def until_when(wait: Wait, since: datetime, facts: Facts, zone: str) -> datetime | None:
    """Returns when a wait that began at a moment ends, by the person's zone, else `zone`; None where the date that it waits for is not
    known.
    """
    zone = facts.zone or zone
    if wait.date:
        day = facts.date_of(wait.date, since.astimezone(ZoneInfo(zone)).date())
        if day is None:
            return None
        minute = 0 if wait.local_minute is None else wait.local_minute
        return dates.at_minute(day + timedelta(days=wait.offset_days), minute, zone)
    until = dates.days_later(since + timedelta(hours=wait.hours), wait.days, zone)
    return until if wait.local_minute is None else dates.next_minute(until, wait.local_minute, zone)


def _look(wait: Wait, until: datetime, now: datetime) -> datetime:
    """When a wait is looked at again: a date once a day, an hour once more before, so that who moves to another zone is not late."""
    if wait.date:
        return min(until, now + LOOK)
    return until - _APART if wait.local_minute is not None and until - now > _APART else until


def _holds(rule: tree.Condition, facts: Facts, today: date) -> bool:
    return evaluate.holds(rule, facts.person, evaluate.Moment(today), facts.also) is True


def _stale(facts: Facts) -> bool:
    """Whether the date that brought the run about is another one by now, or nobody's: the service was done, the car was sold on."""
    return facts.due is not None and facts.due[0] != dates.BIRTHDAY and facts.due_now != facts.due[1]


def _next(plan: Plan, step: int) -> int:
    one = plan.steps[step]
    return one.next if isinstance(one, Send | Wait) else step + 1


def _pause(waited: timedelta) -> timedelta:
    """How long the end of a message is not asked again: the longer it takes, the longer."""
    return max(SOONEST, min(waited / 4, _LATEST))


def outcomes(codes: Sequence[str], lines: Sequence[Any]) -> dict[str, list[str]]:
    """Returns what came of messages, as lists of codes of steps by `steps.OUTCOMES`.

    `lines`: each with `step` from 1, `occurrence`, `channel`, `state`, `reason` and `responses`, the kinds of what the person did. Of
    several calls of a step the last counts.
    """
    found: dict[str, list[str]] = {name: [] for name in (*_ASKED, *OF_CALLS)}
    last: dict[int, Any] = {}
    for line in sorted(lines, key=lambda one: (one.step, call_number(one.occurrence))):
        if 1 <= line.step <= len(codes):
            code = codes[line.step - 1]
            for name, holds in _ASKED.items():
                if holds(line) and code not in found[name]:
                    found[name].append(code)
            if line.channel == kinds.PHONE:
                last[line.step] = line
    for step, line in last.items():
        if name := told_of_call(line.state, line.reason):
            found[name].append(codes[step - 1])
    return found


_ASKED: dict[str, Callable[[Any], bool]] = {
    "sent": lambda line: line.state in TAKEN,
    "opened": lambda line: kinds.OPEN in line.responses,
    "clicked": lambda line: kinds.CLICK in line.responses,
    "replied": lambda line: kinds.REPLY in line.responses,
    "responded": lambda line: bool(set(kinds.TOLD) & set(line.responses)),
    "bounced": lambda line: line.state == BOUNCED,
    "suppressed": lambda line: line.state == SUPPRESSED,
}
