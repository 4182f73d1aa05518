"""What authorities ask of recalls, period by period, as pure arithmetic over counted groups of cars.

The United States: 49 CFR 573.7 (https://www.ecfr.gov/current/title-49/section-573.7), a report for each calendar quarter from the one in
which the campaign began, with the figures of paragraph (b) as running totals (c), due on the thirtieth day after the quarter (d). How many
quarters are reported is for the authority to say, so all are told. China: article 20 of 缺陷汽车产品召回管理条例 asks for stage reports and
a summary; its 实施办法 has a stage report for each three months from the beginning of the recall on, and the summary when it is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

REPAIRED, OVER_THE_AIR, OTHERWISE, NOT_NEEDED = 1, 2, 3, 4  # the numbers of RecallRemedyKind
EXPORTED, STOLEN, SCRAPPED, UNDELIVERED, OTHER = 1, 2, 3, 4, 5  # the numbers of RecallUnreachableReason
US, CN = 1, 2  # the numbers of RecallAuthority
ZONES = {US: "America/New_York", CN: "Asia/Shanghai"}  # in which the days of an authority begin
_MONTHS = 3


@dataclass(frozen=True, slots=True)
class Period:
    """A span of a report by its last day; `label` as the authority calls it."""

    label: str
    last: date
    summary: bool = False


@dataclass(frozen=True, slots=True)
class Cars:
    """Cars of one fate: in the versions of the scope from `first` up to the one without them (None: all later ones). `remedied` and
    `lost` are the places of the periods in which they were remedied, or found to be out of reach; None for never.
    """

    first: int
    removed: int | None
    count: int
    remedied: int | None = None
    kind: int = 0
    lost: int | None = None
    reason: int = 0


@dataclass(slots=True)
class Standing:
    """How far a recall had come at the end of a period."""

    involved: int = 0
    remedied: dict[int, int] = field(default_factory=lambda: dict.fromkeys((1, 2, 3, 4), 0))
    unreachable: dict[int, int] = field(default_factory=lambda: dict.fromkeys((1, 2, 3, 4, 5), 0))

    @property
    def repaired(self) -> int:
        """The cars that were remedied, whichever way."""
        return self.done - self.remedied[NOT_NEEDED]

    @property
    def done(self) -> int:
        """The cars that were remedied, or did not need it."""
        return sum(self.remedied.values())

    @property
    def left(self) -> int:
        """The cars that are still to be remedied and not known to be out of reach."""
        return self.involved - self.done - sum(self.unreachable.values())


def quarters(start: date, until: date) -> list[Period]:
    """Returns the calendar quarters from that of the first day up to that of the last; the last one ends where it is cut off."""
    found = []
    year, quarter = start.year, (start.month - 1) // 3
    while (begin := date(year, quarter * 3 + 1, 1)) <= until:
        after = _later(begin, _MONTHS)
        found.append(Period(f"{year}Q{quarter + 1}", min(after - timedelta(days=1), until)))
        year, quarter = after.year, (after.month - 1) // 3
    return found


def due_day(day: date) -> date:
    """Returns the day by which the report on the quarter of a day is due (49 CFR 573.7 (d): 30 April, July, October and January)."""
    first = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    return _later(first, _MONTHS) + timedelta(days=29)


def phases(start: date, until: date, closed: date | None) -> list[Period]:
    """Returns spans of three months from the first day on; of a recall that was closed by then the last one is the summary."""
    last = min(closed, until) if closed else until
    found: list[Period] = []
    number = 0
    while _later(start, _MONTHS * number) <= last:
        number += 1
        found.append(Period(str(number), min(_later(start, _MONTHS * number) - timedelta(days=1), last)))
    if closed and closed <= until and found:
        found[-1] = Period(found[-1].label, found[-1].last, summary=True)
    return found


def _later(day: date, months: int) -> date:
    """The same day so many months later; the first of the month after where that month has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    try:
        return date(year, month + 1, day.day)
    except ValueError:
        return _later(date(year, month + 1, 1), 1)


def standings(versions: Sequence[int], cars: Iterable[Cars]) -> list[Standing]:
    """Returns where a recall stood at the end of each period; `versions` are the scope's versions then. A remedy counts before what was
    found against the car, whichever was first.
    """
    found = [Standing() for _ in versions]
    for one in cars:
        for place, version in enumerate(versions):
            if one.first <= version and (one.removed is None or one.removed > version):
                _count(found[place], one, place)
    return found


def _count(standing: Standing, cars: Cars, place: int) -> None:
    standing.involved += cars.count
    if cars.remedied is not None and cars.remedied <= place:
        standing.remedied[cars.kind] += cars.count
    elif cars.lost is not None and cars.lost <= place and cars.reason:
        standing.unreachable[cars.reason] += cars.count
