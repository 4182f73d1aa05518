"""How well signs of danger are found in real texts: recall and precision on complaints whose authors marked crash, fire or injury.

`python -m bench.safety [FOLDER]` reads the complaint files of MARQUE_DATA. The marks themselves are withheld from the rules: only the
words count. Precision is against the marks too, and so too low by what authors describe and do not mark.
"""

from __future__ import annotations

import csv
import gzip
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from marque_complaint.rules import safety

_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data"
_MARKED = {"CRASH", "FIRE", "INJURY"}


@dataclass(frozen=True, slots=True)
class Told:
    """A complaint: its words, and what its author marked (CRASH, FIRE, INJURY)."""

    key: str
    text: str
    marks: frozenset[str]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line: marked rows, those found among them, and all rows of which the same was found."""

    name: str
    marked: int
    hit: int
    found: int

    @property
    def recall(self) -> float:
        """Share of the marked that were found."""
        return self.hit / self.marked if self.marked else 0.0

    @property
    def precision(self) -> float:
        """Share of the found that were marked."""
        return self.hit / self.found if self.found else 0.0


def nhtsa(folder: Path) -> list[Told]:
    """Returns the complaints of both NHTSA files, each once."""
    with gzip.open(
        folder / "nhtsa_complaints" / "ford_odi_complaints_2020_2024.csv.gz", "rt", encoding="utf-8"
    ) as file:
        rows = [
            Told(row["odino"], row["narrative"], _marks(row["crash"], row["fire"], row["injured"], row["deaths"]))
            for row in csv.DictReader(file)
        ]
    with (folder / "nhtsa_complaints" / "ford_2024_full49cols.csv").open(encoding="utf-8") as file:
        rows += [
            Told(row["ODINO"], row["CDESCR"], _marks(row["CRASH"], row["FIRE"], row["INJURED"], row["DEATHS"]))
            for row in csv.DictReader(file)
        ]
    return list({row.key: row for row in rows}.values())


def _marks(crash: str, fire: str, injured: str, deaths: str) -> frozenset[str]:
    hurt = any(float(count or 0) > 0 for count in (injured, deaths))
    told = {"CRASH": crash == "Y", "FIRE": fire == "Y", "INJURY": hurt}
    return frozenset(name for name, marked in told.items() if marked)


def figures(rows: list[Told]) -> Iterator[Figure]:
    """Yields a figure for each mark, and one for any sign on rows with any mark."""
    found = {row.key: set(safety.signs([row.text])) for row in rows}
    for mark in sorted(_MARKED):
        marked = [row for row in rows if mark in row.marks]
        hit = sum(mark in found[row.key] for row in marked)
        yield Figure(mark, len(marked), hit, sum(mark in signs for signs in found.values()))
    marked = [row for row in rows if row.marks]
    yield Figure("any sign", len(marked), sum(bool(found[row.key]) for row in marked), sum(map(bool, found.values())))


def main() -> None:
    """Prints the table of docs/performance.md."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("MARQUE_DATA", _DEFAULT))
    rows = nhtsa(folder)
    print(f"{len(rows)} complaints, {sum(bool(row.marks) for row in rows)} with a mark")
    print("| sign | marked | found of these (recall) | found in all | precision |\n|---|---|---|---|---|")
    for one in figures(rows):
        print(f"| {one.name} | {one.marked} | {one.hit} ({one.recall:.1%}) | {one.found} | {one.precision:.1%} |")


if __name__ == "__main__":
    main()
