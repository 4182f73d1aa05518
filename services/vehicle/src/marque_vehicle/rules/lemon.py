"""The 三包 watch: what the law of a car's sale date gives its owner, from the visits that count. Pure: packs of rules are data.

A fault is known by the component of its line, else by the code of the complaint. Days in repair are counted visit by visit from check-in to
the end, begun days whole and a visit of less than a day as one; where visits overlap the time is counted once. A visit counts by the day
on which the car was checked in and the odometer then. Days are those of the zone in which the car was sold.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

REPAIR_DAYS, SAME_FAULT, SAFETY, ASSEMBLY, MAIN_PART, EARLY_DEFECT, FIRST_DAYS = range(1, 8)  # the contract's numbers
CLEAR, WARNED, REACHED = 1, 2, 3
REPLACED_MAIN_PART, REPLACED_ASSEMBLY = 1, 2
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pack:
    """The thresholds of one version of the law, for cars sold from a day on, before another. `…_over`: reached by more than that."""

    pack: str
    market: str
    sold_from: date
    sold_before: date | None
    source: str
    period_months: int
    period_km: int
    early_days: int
    early_km: int
    early_defects: frozenset[int]
    first_days: int
    first_systems: frozenset[str]
    repair_days_over: int
    repair_days_warn: int
    same_fault_over: int
    safety_over: int
    assembly_systems: frozenset[str]
    assembly_over: int
    main_part_systems: frozenset[str]
    main_part_over: int
    pay_types: frozenset[int]
    use_rate_percent: Decimal

    def period_end(self, start: date) -> date:
        """Returns the first day on which the period is over."""
        month = start.month - 1 + self.period_months
        year, month = start.year + month // 12, month % 12 + 1
        for day in (start.day, 30, 29, 28):  # a car sold on 29 February
            try:
                return date(year, month, day)
            except ValueError:
                continue
        raise AssertionError("a month has 28 days")


@cache
def packs() -> tuple[Pack, ...]:
    """Returns all versions of the law."""
    rows = json.loads(Path(__file__).with_name("lemon_packs.json").read_text(encoding="utf-8"))
    return tuple(_pack(row) for row in rows)


def _pack(row: dict[str, Any]) -> Pack:
    values = {name: frozenset(value) if isinstance(value, list) else value for name, value in row.items()}
    before = date.fromisoformat(row["sold_before"]) if row["sold_before"] else None
    rate = Decimal(row["use_rate_percent"])
    return Pack(
        **{
            **values,
            "sold_from": date.fromisoformat(row["sold_from"]),
            "sold_before": before,
            "use_rate_percent": rate,
        }
    )


def pack_of(market: str, sold: date) -> Pack | None:
    """Returns the version of the law under which a car was sold; None where there is none."""
    fitting = (
        one
        for one in packs()
        if one.market == market and one.sold_from <= sold and (one.sold_before is None or sold < one.sold_before)
    )
    return next(fitting, None)


@cache
def _systems() -> tuple[tuple[str, str], ...]:
    with Path(__file__).with_name("lemon_systems.csv").open(encoding="utf-8") as lines:
        rows = [(row["prefix"], row["system"]) for row in csv.DictReader(lines)]
    return tuple(sorted(rows, key=lambda row: -len(row[0])))  # the closest path goes first


def system_of(component: str) -> str:
    """Returns the system of the law that a component's path belongs to; empty for none."""
    path = component.upper()
    fitting = (
        system for prefix, system in _systems() if path == prefix or path.startswith((f"{prefix}:", f"{prefix},"))
    )
    return next(fitting, "")


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of a visit that counts. `defect` is the contract's number of an early defect, 0 for none."""

    name: str
    system: str = ""
    safety: bool = False
    replaced: int = 0
    defect: int = 0


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit with a line that counts; `closed` None while the car is still there. Moments are aware."""

    key: str
    opened: datetime
    closed: datetime | None
    km: int
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one threshold stands: how often of how many (`limit` is what must be passed), for which fault or system, by which visits."""

    trigger: int
    subject: str
    count: int
    limit: int
    state: int
    visits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Watch:
    """What the law gives at a moment. `next_change` is when a count next grows by time alone; None where it does not."""

    pack: Pack
    start: date
    end: date
    days_left: int
    km_left: int
    repair_days: int
    standings: list[Standing] = field(default_factory=list)
    next_change: datetime | None = None

    @property
    def state(self) -> int:
        """The gravest state of all thresholds."""
        return max((one.state for one in self.standings), default=CLEAR)


def faults_of(lines: Iterable[dict[str, Any]], pay_types: frozenset[int]) -> tuple[Fault, ...]:
    """Returns the lines that count: those that the maker pays because the car was at fault."""
    return tuple(
        Fault(
            name=(line.get("component_code") or line.get("complaint_code") or "").upper(),
            system=system_of(line.get("component_code", "")),
            safety=bool(line.get("safety_relevant")),
            replaced=line.get("replaced_unit", 0),
            defect=line.get("early_defect", 0),
        )
        for line in lines
        if line["pay_type"] in pay_types
    )


def evaluate(pack: Pack, start: date, zone: tzinfo, km: int, visits: Iterable[Visit], now: datetime) -> Watch:
    """Returns where a car stands. `start`: the invoice, or the delivery if later; `km`: the odometer now."""
    end = pack.period_end(start)
    ordered = sorted((one for one in visits if one.faults), key=lambda one: (one.opened, one.key))
    counted = [
        one for one in ordered if _day(one, zone) < end and one.km <= pack.period_km and _day(one, zone) >= start
    ]
    days, growing = repair_days(counted, now)
    standings = [
        _over(REPAIR_DAYS, "", days, pack.repair_days_over, pack.repair_days_warn, [one.key for one in counted]),
        *_repeated(SAME_FAULT, counted, pack.same_fault_over, lambda fault: fault.name),
        *_safety(counted, pack),
        *_still(ASSEMBLY, counted, pack.assembly_systems, REPLACED_ASSEMBLY, pack.assembly_over, by_part=False),
        *_still(MAIN_PART, counted, pack.main_part_systems, REPLACED_MAIN_PART, pack.main_part_over, by_part=True),
        *_early(counted, pack, start, zone),
    ]
    left = max(0, (end - now.astimezone(zone).date()).days)
    return Watch(
        pack, start, end, left, max(0, pack.period_km - km), days, [one for one in standings if one.count], growing
    )


def _day(visit: Visit, zone: tzinfo) -> date:
    return visit.opened.astimezone(zone).date()


def _over(trigger: int, subject: str, count: int, limit: int, warn: int, visits: Sequence[str]) -> Standing:
    state = REACHED if count > limit else WARNED if count >= warn else CLEAR
    return Standing(trigger, subject, count, limit, state, tuple(dict.fromkeys(visits)))


def repair_days(visits: Sequence[Visit], now: datetime) -> tuple[int, datetime | None]:
    """Returns the days in repair, and when they next grow because a car is still there. `visits` are in the order of their beginning."""
    total, growing = 0, None
    until: datetime | None = None
    for one in visits:
        ends = min(one.closed or now, now) if one.closed else now
        begins = one.opened if until is None else max(one.opened, until)
        if until is not None and ends <= until:
            continue
        until = ends
        days = max(1, -((begins - ends) // _DAY))
        total += days
        if one.closed is None:
            growing = begins + days * _DAY + timedelta(seconds=1)
    return total, growing


def _repeated(trigger: int, visits: Sequence[Visit], limit: int, name: Callable[[Fault], str]) -> Iterator[Standing]:
    """How often the same fault was repaired, once a visit; warned of when the next one would be too many."""
    found: dict[str, list[str]] = {}
    for one in visits:
        for subject in sorted({name(fault) for fault in one.faults} - {""}):
            found.setdefault(subject, []).append(one.key)
    for subject, keys in sorted(found.items()):
        yield _over(trigger, subject, len(keys), limit, limit, keys)


def _safety(visits: Sequence[Visit], pack: Pack) -> Iterator[Standing]:
    """Serious faults of safety of whatever kind: repaired twice, and there is one again, or a new one."""
    keys = [one.key for one in visits if any(fault.safety for fault in one.faults)]
    yield _over(SAFETY, "", len(keys), pack.safety_over, pack.safety_over, keys)


def _still(
    trigger: int, visits: Sequence[Visit], systems: frozenset[str], replaced: int, limit: int, *, by_part: bool
) -> Iterator[Standing]:
    """Replaced as often as the limit, and the fault is still there: the count goes on with the next visit for it. Of an assembly any fault
    of its system is one, of a main part only the same part's.
    """
    replacing = [fault for one in visits for fault in one.faults if fault.replaced == replaced]
    # Of a part without a name nobody can say that it was the same one.
    subjects = {(fault.system, fault.name if by_part else "") for fault in replacing if fault.name or not by_part}
    for system, part in sorted(subjects):
        if system not in systems:
            continue
        keys: list[str] = []
        for one in visits:
            mine = [fault for fault in one.faults if fault.system == system and part in ("", fault.name)]
            again = len(keys) >= limit and bool(mine)
            if again or any(fault.replaced == replaced for fault in mine):
                keys.append(one.key)
        yield _over(trigger, part or system, len(keys), limit, limit, keys)


def _early(visits: Sequence[Visit], pack: Pack, start: date, zone: tzinfo) -> Iterator[Standing]:
    """What gives the right at once in the first days or kilometres."""
    for one in visits:
        age = (_day(one, zone) - start).days
        if age < pack.early_days and one.km <= pack.early_km:
            for defect in sorted({fault.defect for fault in one.faults} & pack.early_defects):
                yield Standing(EARLY_DEFECT, str(defect), 1, 0, REACHED, (one.key,))
        if age < pack.first_days:
            for system in sorted({fault.system for fault in one.faults if fault.replaced} & pack.first_systems):
                yield Standing(FIRST_DAYS, system, 1, 0, REACHED, (one.key,))


def compensation(pack: Pack, price: int, km: int) -> int:
    """Returns what the owner pays at most for having used the car, in minor units as the price: price × km ÷ 1,000 × rate."""
    return int((Decimal(price) * km / 1000 * pack.use_rate_percent / 100).to_integral_value())
