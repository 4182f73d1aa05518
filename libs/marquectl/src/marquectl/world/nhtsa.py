"""The public-domain tables that ship with the package (see data/README.md)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache

from marquectl.world.tables import rows


@dataclass(frozen=True, slots=True)
class Complaint:
    """A consumer complaint: the car it is about, by the first 11 characters of the VIN. `miles` is 0 where not told."""

    odino: str
    make: str
    model: str
    year: int
    prefix: str
    miles: int
    state: str
    received: date
    component: str


@cache
def complaints() -> tuple[Complaint, ...]:
    """All complaints, in the order of their numbers."""
    return tuple(
        Complaint(
            row["odino"],
            row["make"],
            row["model"],
            int(row["year"]),
            row["vin_prefix"],
            int(row["miles"] or 0),
            row["state"],
            date.fromisoformat(row["received"]),
            row["component"],
        )
        for row in rows("complaints.csv.gz")
    )


@cache
def recalls() -> dict[tuple[str, str, int], tuple[str, ...]]:
    """(make, model, year) → the campaign numbers, oldest first."""
    found: dict[tuple[str, str, int], list[str]] = {}
    for row in rows("recalls.csv.gz"):
        found.setdefault((row["make"], row["model"], int(row["year"])), []).append(row["campaign"])
    return {car: tuple(sorted(numbers)) for car, numbers in found.items()}
