"""What readings of an odometer are worth, and how fast a car drives. Pure.

Credible is the longest chain of readings that never goes back and never drives faster than a car can; a step counts the less, the more its
rate is unlike that of cars, and of equals the older one, so that a single new reading is doubted and not all before it.
A slip of the pen and an odometer that was turned back so stand alone, whichever way
they lie. Over an odometer that was replaced the distance goes on.

The rate is the median of the slopes between credible readings (Theil 1950, Sen 1968), drawn towards what cars drive in general the less,
the longer the car was watched. Its interval is log-normal; how wide, was measured by back-test (tests/unit/test_odometer.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import exp, log, sqrt
from statistics import median

CREDIBLE, WENT_BACK, IMPLAUSIBLE = 1, 2, 3  # the contract's numbers
SALE, ORDER_IN, ORDER_OUT, TOLD, APPOINTMENT, ROADSIDE = range(1, 7)

FASTEST_KM_PER_DAY = 1500
_SLACK_KM = 300  # a moment is often only a day: what may be driven between two readings of one
_SHORT_DAYS = 10.0
_UNLIKE, _MOST_UNLIKE = 0.03, 0.8  # a rate ten times that of cars costs half a step; none costs a whole one
_MOST = 400  # readings that are weighed against each other; older ones are credible as they are
GENERAL_KM_PER_DAY = 45.0  # Chinese makers plan with 41; cars in the complaints of NHTSA have a median of 49.7
_TRUST_DAYS = 90.0  # after so many days of watching a car counts as much as all others
# Of the logarithm of the rate: among cars, and of one car from year to year.
_SPREAD_GENERAL, _SPREAD_KNOWN = 0.60, 0.18
_Z90 = 1.2816  # one in ten lies beyond, on either side
_WATCHED = timedelta(days=3 * 365)  # how a car was driven before says little
_APART = timedelta(days=14)
_MOST_POINTS = 60


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading; `replaced`: somebody said that the odometer is another one since the reading before."""

    moment: datetime
    km: int
    source: int = TOLD
    key: str = ""
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """A reading with what is thought of it; `distance` is how far the car had come, 0 where it is flagged."""

    reading: Reading
    flag: int
    distance: int = 0


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a car drives, in kilometres a day: expected, and beyond which one in ten lies; from a point on its way."""

    day: date
    distance: int
    expected: float
    slow: float
    fast: float

    def reaches(self, distance: int, rate: float) -> date:
        """Returns the day on which a distance is reached at a rate; the day of the last reading where it was by then."""
        days = max(0.0, (distance - self.distance) / rate)
        return self.day + timedelta(days=min(round(days), 36_500))


def judge(readings: Iterable[Reading], start: date | None = None) -> list[Judged]:
    """Returns every reading in the order of time with what is thought of it. `start`: the day of the car's delivery, where it is known."""
    ordered = sorted(readings, key=lambda one: (one.moment, one.source, one.km, one.key))
    found: list[Judged] = []
    offset = 0
    delivered = None if start is None else datetime.combine(start, time.min, UTC)
    for place, part in enumerate(_parts(ordered)):
        judged = _judge_part(part, offset, delivered if place == 0 else None)
        found += judged
        offset = max([offset, *(one.distance for one in judged)])
    return found


def _parts(ordered: Sequence[Reading]) -> list[list[Reading]]:
    """Parts readings where the odometer was replaced: only where it shows less than before, else it goes on as it was."""
    parts: list[list[Reading]] = [[]]
    for one in ordered:
        if one.replaced and parts[-1] and one.km < parts[-1][-1].km:
            parts.append([])
        parts[-1].append(one)
    return parts


def _judge_part(part: Sequence[Reading], offset: int, start: datetime | None) -> list[Judged]:
    older, weighed = part[:-_MOST], part[-_MOST:]
    chain = _chain(weighed, None if older else start)
    found = [Judged(one, CREDIBLE, offset + one.km) for one in older]
    for place, one in enumerate(weighed):
        if place in chain:
            found.append(Judged(one, CREDIBLE, offset + one.km))
        else:
            back = any(weighed[earlier].km > one.km for earlier in chain if earlier < place)
            found.append(Judged(one, WENT_BACK if back else IMPLAUSIBLE))
    return found


def _follows(earlier: Reading, later: Reading) -> bool:
    days = (later.moment - earlier.moment).total_seconds() / 86_400
    return 0 <= later.km - earlier.km <= _SLACK_KM + FASTEST_KM_PER_DAY * days


def _worth(days: float, km: float) -> float:
    """What a step adds to a chain: one, less the more its rate is unlike that of cars. Short steps say little of a rate."""
    likely = GENERAL_KM_PER_DAY * _SHORT_DAYS
    unlike = log((max(0.0, km) + likely) / (days + _SHORT_DAYS) / GENERAL_KM_PER_DAY) / _SPREAD_GENERAL
    return 1 - min(_MOST_UNLIKE, _UNLIKE * unlike**2)


def _chain(part: Sequence[Reading], start: datetime | None) -> set[int]:
    """The places of the chain that is worth most; of equals the one that ends first, by the earliest steps."""
    worth, before = [1.0] * len(part), [-1] * len(part)
    for place, one in enumerate(part):
        if start is not None and one.moment > start:
            worth[place] = _worth((one.moment - start).total_seconds() / 86_400, one.km)
        for earlier in range(place):
            if not _follows(part[earlier], one):
                continue
            days = (one.moment - part[earlier].moment).total_seconds() / 86_400
            whole = worth[earlier] + _worth(days, one.km - part[earlier].km)
            if whole > worth[place]:
                worth[place], before[place] = whole, earlier
    if not part:
        return set()
    place = max(range(len(part)), key=lambda at: (worth[at], -at))
    found = set()
    while place >= 0:
        found.add(place)
        place = before[place]
    return found


def rate(judged: Iterable[Judged], start: date) -> Rate:
    """Returns how fast a car drives that was handed over on a day, with no distance yet."""
    known = [one for one in judged if one.flag == CREDIBLE]
    points = [
        (start, 0),
        *((one.reading.moment.date(), one.distance) for one in known if one.reading.moment.date() > start),
    ]
    last_day, last_distance = points[-1]
    recent = [point for point in points if last_day - point[0] <= _WATCHED][-_MOST_POINTS:]
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0]).days
        for place, later in enumerate(recent)
        for earlier in recent[:place]
        if later[0] - earlier[0] >= _APART
    ]
    watched = (recent[-1][0] - recent[0][0]).days if slopes else 0
    weight = watched / (watched + _TRUST_DAYS)
    expected = weight * (median(slopes) if slopes else 0.0) + (1 - weight) * GENERAL_KM_PER_DAY
    spread = sqrt((1 - weight) * _SPREAD_GENERAL**2 + _SPREAD_KNOWN**2)
    factor = exp(_Z90 * spread)
    return Rate(last_day, last_distance, expected, expected / factor, expected * factor)
