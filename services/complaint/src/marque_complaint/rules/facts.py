"""What is counted of a case: a row for each component it is about. What nobody said is predicted from the text, and marked so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marque_complaint.rules.terms import Components

BANDS = (150_000, 100_000, 60_000, 40_000, 20_000, 0)
"""The lowest mileages of the bands in kilometres, as the vehicle service counts cars in use."""
UNKNOWN_MILEAGE = -1
PENDING, IN_TIME, LATE = 0, 1, 2
_AS_TOLD = (
    "case_id",
    "receive_time",
    "dealer_id",
    "kind",
    "severity",
    "make",
    "model",
    "model_year",
    "place",
    "is_open",
    "cause",
)
_FORGOTTEN = (
    "system",
    "system_score",
    "predicted",
    "category",
    "category_score",
    "category_predicted",
    "suggester_version",
)


@dataclass(frozen=True, slots=True)
class Guess:
    """A predicted term and how sure that is; '' for none."""

    term: str = ""
    score: float = 0.0


NOTHING = Guess()


def rows(
    case: Mapping[str, Any],
    components: Components,
    guesses: tuple[Guess, Guess],
    before: Mapping[str, Any] | None,
    versions: tuple[int, int],
) -> list[dict[str, Any]]:
    """Returns the rows of a case.

    `guesses`: system and category. `before`: the first row until now, which keeps what was predicted of words that were erased since.
    `versions`: what was learned, and what the words of now make of it.
    """
    system, category = guesses
    learned, basis = versions
    local = case["receive_time"].astimezone(zone_of(case["time_zone"]))
    shared: dict[str, Any] = {
        **{name: case[name] for name in _AS_TOLD},
        "month": case["receive_time"].astimezone(UTC).date().replace(day=1),
        "weekday": local.isoweekday(),
        "hour": local.hour,
        "category": case["category"] or category.term,
        "category_predicted": bool(not case["category"] and category.term),
        "category_score": 0.0 if case["category"] else category.score,
        "suggester_version": learned,
        "basis": basis,
        "mileage_from_km": band(case["odometer_km"]),
        "response": kept(case["response_met"], case["response_breach"]),
        "resolution": kept(case["resolution_met"], case["resolution_breach"]),
        "reopened": case["reopen_count"] > 0,
    }
    if case["components"]:
        return [{**shared, **part} for part in _parts(case["components"], components)]
    guess = {"system": system.term, "predicted": bool(system.term), "system_score": system.score}
    found = {**shared, **guess, "ordinal": 0, "leads_system": True}
    if before is not None and not (case["subject"] or case["description"]):
        found |= {
            name: before[name]
            for name in _FORGOTTEN
            if name not in ("category", "category_score") or not case["category"]
        }
        found["category_predicted"] = bool(not case["category"] and before["category_predicted"])
    found["component"] = found["system"]
    return [found]


def _parts(paths: Sequence[str], components: Components) -> list[dict[str, Any]]:
    found, seen = [], set()
    for ordinal, path in enumerate(paths):
        system = components.system_of(path)
        leads = system not in seen
        seen.add(system)
        part = {"ordinal": ordinal, "component": path, "system": system, "leads_system": leads}
        found.append({**part, "predicted": False, "system_score": 0.0})
    return found


def zone_of(name: str | None) -> tzinfo:
    """Returns the zone of a dealer's clock; UTC for none, or for a name that this machine does not know."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def band(odometer_km: int) -> int:
    """Returns the lowest mileage of the band; -1 where nobody told the mileage."""
    return next(low for low in BANDS if odometer_km >= low) if odometer_km > 0 else UNKNOWN_MILEAGE


def kept(met: bool, breached: bool) -> int:
    """Tells how a promise of time stands: it was broken, kept, or neither yet (also where none was made)."""
    return LATE if breached else IN_TIME if met else PENDING
