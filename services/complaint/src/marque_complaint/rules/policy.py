"""Which promises of time hold for a case: the policy, a list of lines with a version. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# Where two lines fit, that which names more telling things goes first.
_WEIGHTS = {"dealer_id": 16, "customer_tier": 8, "channel": 4, "severity": 2, "kind": 1}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a policy judges a case by. Empty texts and 0 are unknown."""

    kind: int
    severity: int = 0
    channel: int = 0
    customer_tier: str = ""
    dealer_id: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a ladder: after `percent` of the time of a clock it becomes the matter of `escalation`."""

    clock: int
    percent: int
    escalation: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line: selectors (empty: any) and working minutes for first response, next update and resolution (0: no clock)."""

    minutes: tuple[int, int, int]
    kind: int = 0
    severity: int = 0
    channel: int = 0
    customer_tier: str = ""
    dealer_id: str = ""
    breach_escalates: bool = False
    ladder: tuple[Step, ...] = ()

    @property
    def selectors(self) -> tuple[object, ...]:
        """What tells the line from others."""
        return tuple(getattr(self, name) for name in _WEIGHTS)

    @property
    def weight(self) -> int:
        """How telling its selectors are; 0 for the line that holds for all."""
        return sum(weight for name, weight in _WEIGHTS.items() if getattr(self, name))

    def fits(self, facts: Facts) -> bool:
        """Tells whether the line speaks of such a case."""
        return all(getattr(self, name) in (getattr(facts, name), "", 0) for name in _WEIGHTS)


@dataclass(frozen=True, slots=True)
class Policy:
    """A version of the policy. `week` are the maker's own hours by day, 1 (Monday) to 7; empty for day and night."""

    version: int
    lines: Sequence[Line]
    time_zone: str = "UTC"
    week: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def line_for(self, facts: Facts) -> Line:
        """Returns the line that holds for a case: the most telling one that fits."""
        return max((line for line in self.lines if line.fits(facts)), key=lambda line: line.weight)


def doubles(lines: Sequence[Line]) -> list[int]:
    """Returns the places of lines whose selectors stand in a line before."""
    seen: set[tuple[object, ...]] = set()
    found = []
    for place, line in enumerate(lines):
        if line.selectors in seen:
            found.append(place)
        seen.add(line.selectors)
    return found


def holds_for_all(lines: Sequence[Line]) -> bool:
    """Tells whether every case finds a line."""
    return any(line.weight == 0 for line in lines)
