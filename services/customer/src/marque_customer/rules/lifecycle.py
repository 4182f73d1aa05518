"""Where a customer stands, as a pure function of what is known and of the time: prospect → owner → active → at risk → lost → won back.

The stage at a moment follows from the purchases, visits and ownerships up to that moment, by the rules that were in force at each. So
whatever the order in which they are heard, and however often, the same facts give the same stage; and it can always be computed anew.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from itertools import zip_longest
from typing import NamedTuple

PROSPECT, OWNER, ACTIVE, AT_RISK, LOST, WON_BACK = 1, 2, 3, 4, 5, 6
NO_CAR_YET, CAR_BOUGHT, CAME_LATELY = "NO_CAR_YET", "CAR_BOUGHT", "CAME_LATELY"
NOT_SEEN, CAR_GONE, CAME_AGAIN = "NOT_SEEN", "CAR_GONE", "CAME_AGAIN"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a customer: moments of purchases and of visits, and the spans of ownership (end none while it goes on)."""

    purchases: Sequence[datetime] = ()
    visits: Sequence[datetime] = ()
    spans: Sequence[tuple[datetime, datetime | None]] = ()


@dataclass(frozen=True, slots=True)
class StageRules:
    """A version of the rules: since when it holds, and the spans of time that it speaks of."""

    version: int
    effective: datetime
    at_risk_after: timedelta
    lost_after: timedelta
    lost_without_car: timedelta
    won_back: timedelta


class Step(NamedTuple):
    """A stage that was reached: since when, why, by which version of the rules."""

    moment: datetime
    stage: int
    reason: str
    version: int


@dataclass(frozen=True, slots=True)
class Standing:
    """The stage at a moment: since when (none for who was never anything but a prospect), why, after how many days of it the stage began,
    and the next moment at which stage, reason or rules are others (none: only by another fact).
    """

    stage: int
    since: datetime | None
    reason: str
    days: int
    version: int
    next_time: datetime | None


@dataclass
class _Walk:
    """The facts in order, for questions about one moment."""

    facts: Facts
    versions: Sequence[StageRules]
    activities: list[datetime] = field(init=False)
    visits: list[datetime] = field(init=False)
    starts: list[datetime] = field(init=False)
    ends: list[datetime] = field(init=False)

    def __post_init__(self) -> None:
        self.activities = sorted({*self.facts.purchases, *self.facts.visits})
        self.visits = sorted(self.facts.visits)
        # What ends before it begins never was.
        spans = [(start, end) for start, end in self.facts.spans if end is None or end > start]
        self.starts = sorted(start for start, _ in spans)
        self.ends = sorted(end for _, end in spans if end is not None)
        self.versions = sorted(self.versions, key=lambda one: (one.effective, one.version))

    def rules(self, moment: datetime) -> StageRules:
        """Returns the version in force; before the first one it is the first."""
        at = bisect_right(self.versions, moment, key=lambda one: one.effective)
        return self.versions[max(0, at - 1)]

    def last(self, moment: datetime) -> datetime | None:
        """Returns the last purchase, visit or beginning of an ownership up to a moment."""
        found = [
            moments[at - 1] for moments in (self.activities, self.starts) if (at := bisect_right(moments, moment)) > 0
        ]
        return max(found, default=None)

    def base(self, moment: datetime) -> tuple[int, str, datetime | None]:
        """Returns the stage but for winning back, why, and since when what it goes by was so."""
        rules, last = self.rules(moment), self.last(moment)
        started = bisect_right(self.starts, moment)
        if not started or last is None:
            return PROSPECT, NO_CAR_YET, None
        ended = bisect_right(self.ends, moment)
        if started == ended:
            since = max(self.ends[ended - 1], last)
            return (LOST if moment - since >= rules.lost_without_car else AT_RISK), CAR_GONE, since
        away = moment - last
        if away >= rules.lost_after:
            return LOST, NOT_SEEN, last
        if away >= rules.at_risk_after:
            return AT_RISK, NOT_SEEN, last
        if self.visits and self.visits[0] <= moment:
            return ACTIVE, CAME_LATELY, last
        return OWNER, CAR_BOUGHT, last

    def moments(self) -> list[datetime]:
        """Returns every moment at which the stage but for winning back may change; more than needed does no harm."""
        seen = sorted({*self.activities, *self.starts})
        happened = sorted({*seen, *self.ends})
        found = {*happened, *(one.effective for one in self.versions)}
        found.update(_after(seen, {span for one in self.versions for span in (one.at_risk_after, one.lost_after)}))
        found.update(_after(happened, {one.lost_without_car for one in self.versions}))
        return list(found)

    def steps(self) -> Iterator[tuple[datetime, Step]]:
        """Yields (moment, what holds from it on) in the order of time, for every moment that may change something."""
        waiting = self.moments()
        heapify(waiting)
        lost, again, done = False, None, None
        while waiting:
            moment = heappop(waiting)
            if moment == done:
                continue
            done = moment
            stage, reason, _ = self.base(moment)
            rules = self.rules(moment)
            if stage in (LOST, PROSPECT):
                lost, again = stage == LOST, None
            elif stage == AT_RISK:
                again = None
            else:
                if lost:
                    lost, again = False, moment
                if again is not None and moment < again + rules.won_back:
                    stage, reason = WON_BACK, CAME_AGAIN
                    if again + rules.won_back > moment:
                        heappush(waiting, again + rules.won_back)
                else:
                    again = None
            yield moment, Step(moment, stage, reason, rules.version)


def _after(moments: Sequence[datetime], waits: Iterable[timedelta]) -> Iterator[datetime]:
    """Yields when each wait is over that begins at one of some sorted moments, where the next does not begin it anew."""
    waiting = list(waits)
    for moment, following in zip_longest(moments, moments[1:]):
        for wait in waiting:
            if following is None or moment + wait < following:
                yield moment + wait


def walk(facts: Facts, versions: Sequence[StageRules], until: datetime) -> list[Step]:
    """Returns the stages one after the other up to a moment; before the first the customer is a prospect."""
    found: list[Step] = []
    for moment, step in _Walk(facts, versions).steps():
        if moment > until:
            break
        if step.stage != (found[-1].stage if found else PROSPECT):
            found.append(step)
    return found


def standing(facts: Facts, versions: Sequence[StageRules], now: datetime) -> Standing:
    """Returns the stage at a moment."""
    walked = _Walk(facts, versions)
    current, since, following = Step(now, PROSPECT, NO_CAR_YET, walked.rules(now).version), None, None
    stage = PROSPECT
    for moment, step in walked.steps():
        if moment > now:
            if step[1:] == current[1:]:
                continue
            following = moment
            break
        if step.stage != stage:
            stage, since = step.stage, moment
        current = step
    basis = walked.base(since)[2] if since is not None else None
    days = (since - basis).days if since is not None and basis is not None else 0
    return Standing(current.stage, since, current.reason, days, walked.rules(now).version, following)


def count_since(moments: Sequence[datetime], begin: datetime, now: datetime) -> int:
    """Returns how many of some sorted moments lie after `begin`, up to `now`."""
    return bisect_right(moments, now) - bisect_right(moments, begin)


def leaves_window(moments: Sequence[datetime], window: timedelta, now: datetime) -> datetime | None:
    """Returns when the next of some sorted moments leaves a window that ends now, or comes into it; none where nothing does."""
    oldest, coming = bisect_right(moments, now - window), bisect_left(moments, now)
    while coming < len(moments) and moments[coming] <= now:
        coming += 1
    out = moments[oldest] + window if oldest < len(moments) and moments[oldest] <= now else None
    found = [one for one in (out, moments[coming] if coming < len(moments) else None) if one is not None]
    return min(found, default=None)
