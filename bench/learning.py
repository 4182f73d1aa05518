"""How good proposals of category and component are, and how soon a rise is signalled: on real complaints, with rises planted by us.

`python -m bench.learning [FOLDER]` reads the complaint files of MARQUE_DATA. Proposals are asked about cases that were kept out of learning
(each fifth, in a fixed random order). For the warnings the real stream of one maker is looked at month by month, its components as given or
else predicted: first as it is, then with more complaints planted about one component of a model year from a month on.
"""

from __future__ import annotations

import csv
import gzip
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from marque_complaint.rules import learning, rising, series
from marque_complaint.rules.terms import Components

from bench.components import COMPONENTS

_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data"
_PLANTS = 200
_LATEST = 12  # months after a rise began within which it is looked for


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint: its key, car, month, words, and the component and category that its source gives; '' for none."""

    key: str
    make: str
    model: str
    model_year: int
    month: date
    text: str
    component: str = ""
    category: str = ""


def nhtsa(folder: Path) -> list[Complaint]:
    """Returns the complaints of both NHTSA files, each once, with the first component given for it."""
    found: dict[str, Complaint] = {}
    place = folder / "nhtsa_complaints"
    with gzip.open(place / "ford_odi_complaints_2020_2024.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            told = date.fromisoformat(row["date_received"]).replace(day=1)
            year = int(float(row["year"] or 0))
            found[row["odino"]] = Complaint(row["odino"], row["make"], row["model"], year, told, row["narrative"])
    with (place / "ford_2024_full49cols.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            told = _month(row["LDATE"])
            known = found.get(row["ODINO"])
            if known is None:
                year = int(float(row["YEARTXT"] or 0))
                known = Complaint(row["ODINO"], row["MAKETXT"], row["MODELTXT"], year, told, row["CDESCR"])
            if not known.component:
                known = replace(known, component=row["COMPDESC"])
            found[row["ODINO"]] = known
    return sorted(found.values(), key=lambda one: one.key)


def _month(text: str) -> date:
    pattern = "%m/%d/%Y" if "/" in text else "%Y%m%d"
    return datetime.strptime(text, pattern).replace(tzinfo=UTC).date().replace(day=1)


def portal(folder: Path) -> list[Complaint]:
    """Returns the complaints of the Chinese portal."""
    with (folder / "cn_car_complaints" / "complaints_20240429.csv").open(encoding="utf-8-sig") as file:
        return [
            Complaint(
                row["投诉编号"], row["投诉品牌"], row["投诉车系"], 0, date.fromisoformat(row["投诉日期"]).replace(day=1),
                row["投诉简述"], f"{row['投诉问题']}:{row['问题类型']}" if row["投诉问题"] else "", row["投诉问题"],
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


def proposals(name: str, examples: Sequence[learning.Example]) -> Iterator[str]:
    """Yields the line of a table."""
    found = learning.measure(examples)
    if found is not None:
        first, three = found.first / found.held_back, found.first_three / found.held_back
        yield f"| {name} | {found.learned} | {found.terms} | {found.held_back} | {first:.1%} | {three:.1%} |"


def predicted(rows: Sequence[Complaint], components: Components) -> list[tuple[Complaint, str]]:
    """Returns complaints with their components of the taxonomy: as given, or as learned from those that were given."""
    given = [(row.text, components.system_of(row.component)) for row in rows if row.component]
    learned = learning.learn(given)
    assert learned is not None
    found = []
    for row in rows:
        best = [] if row.component else learned.propose(row.text, 1)
        system = components.system_of(row.component) if row.component else best[0][0] if best else ""
        found.append((row, system))
    return found


def cells(rows: Sequence[tuple[Complaint, str]]) -> list[series.Cell]:
    """Counts complaints as the service does."""
    counts: dict[tuple[str, str, int, str, date], int] = {}
    for row, system in rows:
        if system and row.make:
            key = (row.make, row.model, row.model_year, system, row.month)
            counts[key] = counts.get(key, 0) + 1
    return [series.Cell(*key, count, 0) for key, count in sorted(counts.items(), key=str)]


def first_alarm(one: series.Candidate, window: Sequence[date], begin: int = 1) -> int | None:
    """Returns the place of the month at whose end a series is signalled first, looked at from one month on; None for never."""
    for at in range(max(begin, 1), len(window)):
        rise, _, _ = series.weigh(one, {}, window[: at + 1], datetime(2100, 1, 1, tzinfo=UTC))
        if rise is not None and rise.stands_out():
            return at
    return None


def until(one: series.Candidate, last: date) -> series.Candidate:
    """Returns a series without what comes after a month."""
    kept = [{month: count for month, count in part.items() if month <= last} for part in (one.told, one.totals)]
    return series.Candidate(one.key, kept[0], {}, kept[1])


def planted(
    one: series.Candidate, window: Sequence[date], begin: int, times: float, draw: np.random.Generator
) -> series.Candidate:
    """Returns a series with more complaints from a month on: as many again as `times` says, of the level it had before."""
    before = sum(one.told.get(month, 0) for month in window[:begin]) / begin
    told, totals = dict(one.told), dict(one.totals)
    for month in window[begin:]:
        more = int(draw.poisson(before * (times - 1)))
        told[month], totals[month] = told.get(month, 0) + more, totals.get(month, 0) + more
    return series.Candidate(one.key, told, {}, totals)


def warnings(rows: Sequence[Complaint], components: Components) -> Iterator[str]:
    """Yields what the back-test finds."""
    all_cells = cells(predicted(rows, components))
    window = series.months(date(2020, 1, 1), date(2023, 12, 1))
    found = [one for one in series.candidates(all_cells, components.is_product) if one.key[2] and one.is_weighed]
    alarms = [(one, at) for one in found if (at := first_alarm(one, window)) is not None]
    yield f"{len(found)} series with at least {series.FEWEST} complaints, {len(alarms)} signalled as the stream is:"
    for one, at in alarms:
        make, model, year, system = one.key
        yield f"  {make} {model} {year} {system}: at the end of {window[at]:%Y-%m}, {sum(one.told.values())} complaints in all"
    quiet = [one for one in found if one not in [alarmed for alarmed, _ in alarms]]
    yield "| planted rise | series | signalled within a year | median months to the signal |\n|---|---|---|---|"
    for least, most in ((0.1, 0.5), (0.5, 1.5), (1.5, 99.0)):
        level = {id(one): sum(one.told.get(month, 0) for month in window[:30]) / 30 for one in quiet}
        some = [one for one in quiet if least <= level[id(one)] < most]
        for times in (3.0, 5.0, 10.0):
            yield _planted_line(some, window, (least, most), times)


def _planted_line(
    some: Sequence[series.Candidate], window: Sequence[date], levels: tuple[float, float], times: float
) -> str:
    draw = np.random.default_rng(int(times))
    delays, tried = [], 0
    for at in range(_PLANTS if some else 0):
        begin = int(draw.integers(24, 36))
        one = planted(some[at % len(some)], window, begin, times, draw)
        last = window[: begin + _LATEST]
        tried += 1
        alarm = first_alarm(one, last, begin)
        if alarm is not None:
            delays.append(alarm - begin + 1)
    share = f"{len(delays) / tried:.0%}" if tried else "–"
    name = f"× {times:g}, {levels[0]:g} to {levels[1]:g} a month before"
    return f"| {name} | {len(some)} ({tried} plants) | {share} | {np.median(delays) if delays else '–'} |"


def main() -> None:
    """Prints the tables of docs/performance.md."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("MARQUE_DATA", _DEFAULT))
    components = Components(COMPONENTS)
    american, chinese = nhtsa(folder), portal(folder)
    print("| proposal | learned from | terms | held back | first right | among three |\n|---|---|---|---|---|---|")
    sets = (
        ("category, Chinese portal", [(row.text, row.category) for row in chinese]),
        ("component, Chinese portal", [(row.text, components.system_of(row.component)) for row in chinese]),
        ("component, NHTSA", [(row.text, components.system_of(row.component)) for row in american if row.component]),
        ("component, both", [(row.text, components.system_of(row.component)) for row in (*chinese, *american) if row.component]),
        ("component as a path, Chinese portal", [(row.text, row.component) for row in chinese]),
    )  # fmt: skip
    for name, examples in sets:
        for line in proposals(name, [one for one in examples if one[0].strip()]):
            print(line)
    print(f"false alarms: at most {rising.FALSE_ALARMS:g} of series without a rise in a window")
    for line in warnings(american, components):
        print(line)


if __name__ == "__main__":
    main()
